import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { sha256Hex } from '../behaviour/sha256.ts'
import { openObject, type View } from '../view.ts'
import type { Author } from './author.ts'
import { type Hold, holdLevels, type HoldTarget, longestHoldMs, targetText } from './hold.ts'

const text = z.string().min(1)
const moment = z.iso.datetime()

/** `NAMESPACE/POD` */
export const podName = z.string().regex(/^[^/]+\/[^/]+$/)
export const containerId = z.string().regex(/^[0-9a-f]{64}$/)

/** As people write it for the whole fleet, on one image version: its containers, or one pod or container. */
export const sharedHoldSchema = openObject({
  id: z.string().regex(/^h[0-9a-f]{8,32}$/),
  level: z.enum(holdLevels),
  pod: podName.exactOptional(),
  container: containerId.exactOptional(),
  by: text,
  at: moment,
  until: moment,
  reason: text,
  /** Who ended it before its time. It stays until then, so that each agent learns of it. */
  released: openObject({ by: text, at: moment, reason: text.exactOptional() }).exactOptional(),
})
  .refine(({ at, until }) => isAsLong(at, until), { message: 'a hold lasts at most `7d`' })
  .refine(({ pod, container }) => pod === undefined || container === undefined, {
    message: 'a hold is for a pod or for a container',
  })
export type SharedHold = View<typeof sharedHoldSchema>

/** Before it has an author, and so a time: it lasts so many milliseconds. */
export type NewHold = Pick<SharedHold, 'level' | 'pod' | 'container' | 'reason'> & {
  readonly id: string
  readonly forMs: number
}

/** How far one of them has come in the containers of a version on one node. */
export const holdProgressSchema = openObject({
  id: z.string(),
  containers: z.int().min(0),
  held: z.int().min(0),
  /** Why the others are not. */
  because: z.string().exactOptional(),
})
export type HoldProgress = View<typeof holdProgressSchema>

/** A hold of the fleet, as it stands there. */
export interface StandingHold {
  readonly hold: Hold
  readonly released?: SharedHold['released']
}

/** The order of the agent for it. @param ref the version, as IMAGE */
export function standingHold(ordered: SharedHold, ref: string): StandingHold {
  const { level, by, at, until, reason, released } = ordered
  const hold: Hold = {
    // Two versions may have the same id.
    id: `${ordered.id}-${sha256Hex(ref).slice(0, 8)}`,
    level,
    target: targetOf(ordered, ref),
    by,
    reason,
    since: Date.parse(at),
    until: Date.parse(until),
    shared: { ref, id: ordered.id, until },
  }
  return { hold, ...(released === undefined ? {} : { released }) }
}

/** Whether nobody has changed it since. The clock of a node may have been set meanwhile, and with it the end there. */
export function isSameOrder(a: Hold, b: Hold): boolean {
  const [{ level, by, target, shared }, other] = [a, b]
  return (
    level === other.level &&
    by === other.by &&
    shared?.until === other.shared?.until &&
    targetText(target) === targetText(other.target)
  )
}

function targetOf({ pod, container }: SharedHold, ref: string): HoldTarget {
  if (container !== undefined) return { kind: 'container', id: container }
  const [namespace, name] = pod?.split('/') ?? []
  if (namespace === undefined || name === undefined) return { kind: 'image', ref }
  return { kind: 'pod', namespace, pod: name }
}

export function orderedHold({ forMs, ...hold }: NewHold, { by, at }: Author): SharedHold {
  return { ...hold, by, at, until: new Date(Date.parse(at) + forMs).toISOString() }
}

export function isOver({ until }: SharedHold, nowMs: number): boolean {
  return Date.parse(until) <= nowMs
}

export function releasedHold(hold: SharedHold, { by, at }: Author, reason?: string): SharedHold {
  if (hold.released !== undefined) return hold
  return { ...hold, released: { by, at, ...(reason === undefined ? {} : { reason }) } }
}

export function unknownHold(id: string): SnugError {
  return new SnugError('HOLD_UNKNOWN', `the image has no hold \`${id}\``)
}

function isAsLong(at: string, until: string): boolean {
  const forMs = Date.parse(until) - Date.parse(at)
  return forMs > 0 && forMs <= longestHoldMs
}
