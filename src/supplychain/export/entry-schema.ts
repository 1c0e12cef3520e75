import { z } from 'zod'
import { accesses, origins } from '../../core/event/event-words.ts'
import { behaviourId, behaviourKey } from '../../core/behaviour/behaviour.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { MAX_UID } from '../../core/behaviour/user.ts'

const text = z.string().min(1)
const whole = z.int().min(0)
const moment = z.iso.datetime()
const ids = z.strictObject({ uid: whole, gid: whole })
const witnesses = z.looseObject({
  literals: z.array(z.string()),
  places: z.array(z.array(z.string())),
})
const drawn = z.literal(true).optional()
export const objectSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('exec'),
    path: text,
    script: text.optional(),
    drift: z.literal(true).optional(),
    socketStdio: z.literal(true).optional(),
    args: text.optional(),
  }),
  z.strictObject({
    kind: z.literal('file'),
    access: z.enum(accesses),
    path: text,
    to: text.optional(),
  }),
  z.strictObject({
    kind: z.literal('connect'),
    protocol: text,
    peer: z.string(),
    port: whole,
    drawn,
  }),
  z.strictObject({
    kind: z.literal('listen'),
    protocol: text,
    address: z.string(),
    port: whole,
    drawn,
  }),
  z.strictObject({ kind: z.literal('identity'), from: ids, to: ids }),
  z.strictObject({ kind: z.literal('capability'), name: text }),
  z.strictObject({ kind: z.literal('syscall'), name: text, target: z.string().optional() }),
])
export const grantsSchema = z.array(
  z.looseObject({ origin: z.enum(origins), witnesses: witnesses.optional() }),
)
const names = z.array(z.string())

export const actorSchema = z.strictObject({ exe: text, script: text.optional() })

/** `snug.behaviour/v1`: the members that are read. Members that this version does not define are kept. */
export const entrySchema = z.looseObject({
  schema: z.literal('snug.behaviour/v1'),
  id: z.string().regex(/^b[0-9a-f]{20}$/),
  actor: actorSchema,
  uid: z.union([z.int().min(0).max(MAX_UID), z.literal('declared')]),
  object: objectSchema,
  cells: z.array(
    z.looseObject({
      container: text,
      origin: z.enum(origins),
      session: z.string().optional(),
      phase: z.enum(['learned', 'later', 'derived']),
      containers: z.int().min(1).optional(),
      count: whole,
      first: moment,
      last: moment,
      nodes: names,
      sources: names,
      guardrails: names.optional(),
      witnesses: witnesses.optional(),
      buckets: z
        .looseObject({
          minutes: z.int().min(1),
          list: z.array(
            z.looseObject({
              upTo: whole,
              first: moment,
              last: moment,
              guardrails: names.optional(),
              witnesses: witnesses.optional(),
            }),
          ),
        })
        .optional(),
    }),
  ),
  inherited: z.looseObject({ from: text, grants: grantsSchema }).optional(),
  decision: z
    .looseObject({
      kind: z.enum(['approved', 'rejected', 'withdrawn']),
      by: text,
      at: moment,
      reason: z.string().optional(),
      until: moment.optional(),
      onlyUid: whole.optional(),
      onlyWorkload: z.string().optional(),
      grants: grantsSchema,
    })
    .optional(),
})

/** Whether the id is that of the behaviour: else the entry would change another one than it names. */
export function hasOwnId({ id, actor, uid, object: what }: ProfileEntry): boolean {
  return id === behaviourId(behaviourKey(actor, uid, what))
}
