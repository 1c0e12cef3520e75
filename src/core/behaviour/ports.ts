import type { BehaviourObject } from './behaviour.ts'
import { any, chars, type CharClass, type Language, PathPattern, seq, text } from './language.ts'
import type { ObjectPattern } from './shape-pattern.ts'
import type { Witnesses } from './witness.ts'

/** Both ends belong to it. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** Ports that a program may draw at all: those below need a right, and have names. */
export const unprivilegedPorts: PortRange = { first: 1024, last: 65_535 }

/** What Linux draws a port from that nobody chose: `net.ipv4.ip_local_port_range`. */
export const drawnByKernel: PortRange = { first: 32_768, last: 60_999 }

type DrawnObject = Extract<BehaviourObject, { kind: 'connect' | 'listen' }>

/** Whether it stands for ports of a range: which ones, its witnesses say as {@link rangeText}. */
export function isDrawn(object: BehaviourObject): object is DrawnObject & { readonly drawn: true } {
  if (object.kind !== 'connect' && object.kind !== 'listen') return false
  return object.drawn === true && object.protocol !== 'unix'
}

/** The object of the range that the port of `object` may be of; undefined where none may hold it. */
export function drawnOf(object: BehaviourObject): DrawnObject | undefined {
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  if (object.protocol === 'unix') return undefined
  if (object.drawn !== true && !holdsPort(unprivilegedPorts, object.port)) return undefined
  return { ...object, port: 0, drawn: true }
}

export function holdsPort({ first, last }: PortRange, port: number): boolean {
  return first <= port && port <= last
}

/** `32768-60999` */
export function rangeText({ first, last }: PortRange): string {
  return `${first}-${last}`
}

/** The smallest range that holds all of these; undefined where none of them is a range. */
export function rangeOf(texts: Iterable<string>): PortRange | undefined {
  let first = Infinity
  let last = -Infinity
  for (const one of texts) {
    const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(one) ?? []
    if (from === undefined || to === undefined) continue
    first = Math.min(first, Number(from))
    last = Math.max(last, Number(to))
  }
  return first > last ? undefined : { first, last }
}

/** Ports of one peer or address, as texts of digits. */
export class PortsPattern implements ObjectPattern {
  readonly thresholds: readonly number[] = []
  readonly open = new PathPattern(portsLanguage(unprivilegedPorts))
  readonly literalSize = 0

  of(witnesses: Witnesses): PathPattern {
    const range = rangeOf(witnesses.literals.texts)
    return new PathPattern(range === undefined ? any([]) : portsLanguage(range))
  }
}

function portsLanguage({ first, last }: PortRange): Language {
  const parts: Language[] = []
  for (let size = 1; size <= 5; size++) {
    const from = Math.max(first, size === 1 ? 0 : 10 ** (size - 1))
    const to = Math.min(last, 10 ** size - 1)
    if (from <= to) parts.push(between(String(from), String(to)))
  }
  return any(parts)
}

/** Numbers of as many digits as both. */
function between(from: string, to: string): Language {
  const [low, high] = [Number(from[0]), Number(to[0])]
  const [after, until] = [from.slice(1), to.slice(1)]
  if (after === '') return chars(digitsOf(low, high), 1)
  if (/^0+$/.test(after) && /^9+$/.test(until)) {
    return seq(chars(digitsOf(low, high), 1), chars(digitsOf(0, 9), after.length))
  }
  if (low === high) return seq(text(String(low)), between(after, until))
  const size = after.length
  const parts = [
    seq(text(String(low)), between(after, '9'.repeat(size))),
    seq(text(String(high)), between('0'.repeat(size), until)),
  ]
  if (high - low > 1) {
    parts.push(seq(chars(digitsOf(low + 1, high - 1), 1), chars(digitsOf(0, 9), size)))
  }
  return any(parts)
}

function digitsOf(low: number, high: number): CharClass {
  return { source: `[${low}-${high}]`, ranges: [[0x30 + low, 0x30 + high]] }
}
