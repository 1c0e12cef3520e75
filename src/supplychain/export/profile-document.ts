import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { ImageRef, LossSpan } from '../../core/event/event.ts'
import { accesses, origins } from '../../core/event/event.ts'
import { behaviourId, behaviourKey } from '../../core/behaviour/behaviour.ts'
import { type BehaviourKind, behaviourKinds } from '../../core/coverage/coverage-report.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { MAX_UID } from '../../core/behaviour/user.ts'

/** A whole profile with its evidence, as one file: the input of `snug profile import`. */
export interface ProfileDocument {
  readonly schema: 'snug.profile/v1'
  readonly image: ImageRef
  readonly behaviours: readonly ProfileEntry[]
  /** Kinds of events that were observed while it was learned; absent: all. */
  readonly observed?: readonly BehaviourKind[]
  /** How it was recorded, where it was made for that; sorted. */
  readonly recordings?: readonly Recording[]
}

/** A span of time in which a node observed the image; shows the quality of the evidence. */
export interface Recording {
  readonly node: string
  /** RFC 3339 */
  readonly from: string
  readonly to: string
  readonly runs: readonly RecordedRun[]
  /** Losses while it was learned. */
  readonly losses: readonly LossSpan[]
}

export interface RecordedRun {
  readonly container: string
  readonly from: string
  readonly to: string
  /** Present where it ran before it was watched. */
  readonly before?: true
  /** Present where it was seen ending. */
  readonly ended?: true
}

const text = z.string().min(1)
const whole = z.int().min(0)
const ids = z.strictObject({ uid: whole, gid: whole })
const witnesses = z.looseObject({ literals: z.array(z.string()).optional() })
const object = z.discriminatedUnion('kind', [
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
  z.strictObject({ kind: z.literal('connect'), protocol: text, peer: z.string(), port: whole }),
  z.strictObject({ kind: z.literal('listen'), protocol: text, address: z.string(), port: whole }),
  z.strictObject({ kind: z.literal('identity'), from: ids, to: ids }),
  z.strictObject({ kind: z.literal('capability'), name: text }),
  z.strictObject({ kind: z.literal('syscall'), name: text, target: z.string().optional() }),
])
const grants = z.array(z.looseObject({ origin: z.enum(origins), witnesses: witnesses.optional() }))
const entry = z.looseObject({
  schema: z.literal('snug.behaviour/v1'),
  id: z.string().regex(/^b[0-9a-f]{20}$/),
  actor: z.strictObject({ exe: text, script: text.optional() }),
  uid: z.union([z.int().min(0).max(MAX_UID), z.literal('declared')]),
  object,
  cells: z.array(
    z.looseObject({
      container: text,
      origin: z.enum(origins),
      phase: z.enum(['learned', 'later', 'derived']),
      count: whole,
      first: z.iso.datetime(),
      last: z.iso.datetime(),
      nodes: z.array(z.string()),
      sources: z.array(z.string()),
      witnesses: witnesses.optional(),
    }),
  ),
  inherited: z.looseObject({ from: text, grants }).optional(),
  decision: z
    .looseObject({
      kind: z.enum(['approved', 'rejected', 'withdrawn']),
      by: text,
      at: z.iso.datetime(),
      grants,
    })
    .optional(),
})

const moment = z.iso.datetime()
const recording = z.looseObject({
  node: text,
  from: moment,
  to: moment,
  runs: z.array(
    z.looseObject({
      container: text,
      from: moment,
      to: moment,
      before: z.literal(true).optional(),
      ended: z.literal(true).optional(),
    }),
  ),
  losses: z.array(z.looseObject({ reason: text, count: whole, from: moment, to: moment })),
})

/** The required members of the file; members that this version does not define are kept. */
export const profileDocumentSchema = z.looseObject({
  schema: z.literal('snug.profile/v1'),
  image: z.looseObject({ repository: text, tag: text.optional(), digest: text }),
  behaviours: z.array(entry),
  observed: z.array(z.enum(behaviourKinds)).optional(),
  recordings: z.array(recording).optional(),
})

/** Deterministic: the same profile is the same text. */
export function profileDocument(
  image: ImageRef,
  behaviours: readonly ProfileEntry[],
  observed: ReadonlySet<string> = new Set(behaviourKinds),
  recordings: readonly Recording[] = [],
): string {
  const sorted = [...behaviours].sort((a, b) => (a.id < b.id ? -1 : 1))
  const kinds = behaviourKinds.filter((kind) => observed.has(kind))
  return documentText({
    schema: 'snug.profile/v1',
    image,
    behaviours: sorted,
    ...(kinds.length === behaviourKinds.length ? {} : { observed: kinds }),
    ...(recordings.length === 0 ? {} : { recordings }),
  })
}

export function documentText(document: ProfileDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

/** Errors: `PROFILE_INVALID`, naming the member; also where an id is not that of its behaviour. */
export function parseProfileDocument(value: unknown): ProfileDocument {
  const parsed = profileDocumentSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue === undefined ? '' : issue.path.join('.')
    throw new SnugError('PROFILE_INVALID', `\`${where}\`: ${issue?.message ?? 'is invalid'}`)
  }
  // The unparsed input: parsing would move unknown members to the end.
  const document = value as ProfileDocument
  for (const { id, actor, uid, object: what } of document.behaviours) {
    if (id === behaviourId(behaviourKey(actor, uid, what))) continue
    throw new SnugError('PROFILE_INVALID', `\`${id}\` is not the id of its behaviour`)
  }
  return document
}
