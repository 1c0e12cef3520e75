import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { ImageRef } from '../../core/event/event.ts'
import { behaviourKinds } from '../../core/event/event-words.ts'
import {
  allObservables,
  type Observable,
  observables,
  type Observed,
} from '../../core/coverage/observable.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { openObject, type View } from '../../core/view.ts'
import { finish, sorted, type Steps } from '../../core/steps.ts'
import { entrySchema, hasOwnId } from './entry-schema.ts'

const text = z.string().min(1)
const whole = z.int().min(0)
const moment = z.iso.datetime()

const recordedRun = openObject({
  container: text,
  from: moment,
  to: moment,
  /** Present where it ran before it was watched. */
  before: z.literal(true).exactOptional(),
  /** Present where it was seen ending. */
  ended: z.literal(true).exactOptional(),
})
export type RecordedRun = View<typeof recordedRun>

/** A span of time in which a node observed the image; shows the quality of the evidence. */
const recording = openObject({
  node: text,
  from: moment,
  to: moment,
  runs: z.array(recordedRun),
  /** Losses while it was learned. */
  losses: z.array(openObject({ reason: text, count: whole, from: moment, to: moment })),
})
export type Recording = View<typeof recording>

/** The required members of the file; members that this version does not define are kept. */
export const profileDocumentSchema = openObject({
  schema: z.literal('snug.profile/v1'),
  image: openObject({ repository: text, tag: text.exactOptional(), digest: text }),
  behaviours: z.array(entrySchema),
  /** What was observed while it was learned; absent: all kinds of events, and none of `partialObservables`. */
  observed: z.array(z.enum(observables)).exactOptional(),
  /** How it was recorded, where it was made for that; sorted. */
  recordings: z.array(recording).exactOptional(),
  /** Present where it was shipped by a vendor and not observed: it is the prior of its version. */
  prior: openObject({ name: text }).exactOptional(),
})

/** A whole profile with its evidence, as one file: the input of `snug profile import`. */
export interface ProfileDocument
  extends Omit<View<typeof profileDocumentSchema>, 'image' | 'behaviours'> {
  readonly image: ImageRef
  readonly behaviours: readonly ProfileEntry[]
}

export function observedOf({ observed }: ProfileDocument): Observed {
  return new Set<Observable>(observed ?? behaviourKinds)
}

/** Deterministic: the same profile is the same text. */
export function profileDocument(
  image: ImageRef,
  behaviours: Iterable<ProfileEntry>,
  observed?: ReadonlySet<string>,
  recordings?: readonly Recording[],
): string {
  return finish(profileDocumentSteps(image, behaviours, observed, recordings))
}

/** {@link profileDocument} with pauses: each behaviour is read and written by itself. */
export function* profileDocumentSteps(
  image: ImageRef,
  behaviours: Iterable<ProfileEntry>,
  observed: ReadonlySet<string> = allObservables,
  recordings: readonly Recording[] = [],
): Steps<string> {
  const written: { readonly id: string; readonly text: string }[] = []
  for (const behaviour of behaviours) {
    const text = JSON.stringify(behaviour, null, 2).replaceAll('\n', '\n    ')
    written.push({ id: behaviour.id, text: `    ${text}` })
    yield
  }
  const ordered = yield* sorted(written, (a, b) => (a.id < b.id ? -1 : 1))
  const shown = observables.filter((one) => observed.has(one))
  const around = documentText({
    schema: 'snug.profile/v1',
    image,
    behaviours: [],
    observed: shown,
    ...(recordings.length === 0 ? {} : { recordings }),
  })
  if (ordered.length === 0) return around
  const at = around.indexOf(NO_BEHAVIOURS) + NO_BEHAVIOURS.length - 1
  const list = ordered.map(({ text }) => text).join(',\n')
  return `${around.slice(0, at)}\n${list}\n  ${around.slice(at)}`
}

/** In the text of a document without any; no text within it can be that, as its quotes would be escaped. */
const NO_BEHAVIOURS = '\n  "behaviours": []'

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
  for (const entry of document.behaviours) {
    if (hasOwnId(entry)) continue
    throw new SnugError('PROFILE_INVALID', `\`${entry.id}\` is not the id of its behaviour`)
  }
  return document
}
