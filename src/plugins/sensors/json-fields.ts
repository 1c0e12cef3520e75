import { parseEvent } from '../../core/event/parse-event.ts'
import type { SnugEvent } from '../../core/event/event.ts'
import { SnugError } from '../../errors.ts'

/** A JSON object of another sensor, with unvalidated members. */
export type Bag = Readonly<Record<string, unknown>>

const empty: Bag = Object.freeze({})

/** Errors: `EVENT_INVALID` if the line is no JSON object. */
export function parseObject(line: string): Bag {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new SnugError('EVENT_INVALID', 'the line is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SnugError('EVENT_INVALID', 'the line must be a JSON object')
  }
  return value as Bag
}

/** A member that is an object; empty if it is not one. */
export function bagAt(owner: Bag, key: string): Bag {
  return asBag(owner[key]) ?? empty
}

export function asBag(value: unknown): Bag | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as Bag
}

export function listAt(owner: Bag, key: string): readonly unknown[] {
  const value = owner[key]
  return Array.isArray(value) ? value : []
}

/** A text with a value: sensors write `null`, the empty string and `<NA>` for unknown values. */
export function textAt(owner: Bag, key: string): string | undefined {
  return asText(owner[key])
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value !== '<NA>' ? value : undefined
}

/** A number: bare, as text (64 bits in protobuf's JSON), or wrapped in `{value}`. */
export function numberAt(owner: Bag, key: string): number | undefined {
  return asNumber(owner[key])
}

export function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? Number(value) : undefined
  const wrapped = asBag(value)
  return wrapped === undefined || asBag(wrapped['value']) !== undefined
    ? undefined
    : asNumber(wrapped['value'])
}

export function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new SnugError('EVENT_INVALID', `missing ${what}`)
  return value
}

/** Removes undefined members. */
export function given(bag: Bag): Bag {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => value !== undefined))
}

/**
 * Creates an event from a mapper's fields, validated like a recorded one. Paths and addresses
 * become canonical.
 *
 * Errors: `EVENT_INVALID`, naming the member.
 */
export function eventOf(draft: Bag): SnugEvent {
  if (holdsNul(draft))
    throw new SnugError('EVENT_INVALID', '`event` must be free of NUL characters')
  return parseEvent(given(draft))
}

const named: Readonly<Record<string, readonly string[]>> = {
  process: ['exe', 'parent'],
  exec: ['path'],
  file: ['path', 'to'],
}

/**
 * {@link eventOf} for sensors that do not escape names. Events use the backslash as escape, so it is
 * doubled.
 */
export function plainEventOf(draft: Bag): SnugEvent {
  const escaped: Record<string, unknown> = { ...draft }
  for (const [part, keys] of Object.entries(named)) {
    const bag = asBag(draft[part])
    if (bag === undefined) continue
    const names = keys.flatMap((key) => {
      const name = bag[key]
      return typeof name === 'string' ? [[key, name.replaceAll('\\', '\\\\')] as const] : []
    })
    escaped[part] = { ...bag, ...Object.fromEntries(names) }
  }
  return eventOf(escaped)
}

/** No path, name or address of Linux holds NUL, and behaviour keys use it as separator. */
function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\u0000')
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(holdsNul)
}
