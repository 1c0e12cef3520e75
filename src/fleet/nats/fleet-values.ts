import { z } from 'zod'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { type SharedClosing, sharedClosingSchema } from '../../core/lifecycle/shared-closing.ts'
import { type SharedHold, sharedHoldSchema } from '../../core/lifecycle/shared-hold.ts'
import { SnugError } from '../../errors.ts'
import { entrySchema } from '../../supplychain/export/entry-schema.ts'
import { type FleetImage, fleetImage } from '../fleet-image.ts'
import type { FleetSlice } from '../slices/fleet-slices.ts'
import {
  imageSchema,
  modeSchema,
  mustBeDue,
  mustFit,
  ownEntries,
  readableSlice,
  sliceMembers,
} from '../slices/slice-content.ts'
import { headIn, type SliceHead } from '../slices/slice-head.ts'
import { closingSubject, decisionKey, holdSubject, modeSubject, pageIn } from './fleet-keys.ts'

const sliceVersion = 'snug.slice/v1'
const decisionVersion = 'snug.decision/v1'

/**
 * A person's decision: on a behaviour, with the evidence that it covers, on the mode, to hold containers, or to close an
 * incident.
 */
export type DecisionContent = OneOf<{
  readonly entry: ProfileEntry
  readonly mode: ModeDecision
  readonly hold: SharedHold
  readonly closing: SharedClosing
}>

type OneOf<All> = {
  [Name in keyof All]: Pick<All, Name> & {
    readonly [Other in Exclude<keyof All, Name>]?: undefined
  }
}[keyof All]

export type SharedDecision = DecisionContent & {
  readonly image: FleetImage
  /** Where it was made. */
  readonly node: string
}

export type FleetValue =
  | {
      readonly kind: 'slice'
      readonly slice: FleetSlice
      /** Of one run of an agent. */
      readonly run: string
    }
  | { readonly kind: 'decision'; readonly decision: SharedDecision }

const sliceSchema = z.looseObject({
  schema: z.literal(sliceVersion),
  image: sliceMembers.image,
  node: sliceMembers.node,
  run: z.string(),
  learnedAt: sliceMembers.learnedAt,
  holds: sliceMembers.holds,
  entries: sliceMembers.entries,
})

const decided = { schema: z.literal(decisionVersion), image: imageSchema, node: sliceMembers.node }
const none = z.undefined().optional()
const nothing = { mode: none, entry: none, hold: none, closing: none }
const decisionSchema = z.union([
  z.looseObject({ ...decided, ...nothing, mode: modeSchema }),
  z.looseObject({ ...decided, ...nothing, entry: entrySchema }),
  z.looseObject({ ...decided, ...nothing, hold: sharedHoldSchema }),
  z.looseObject({ ...decided, ...nothing, closing: sharedClosingSchema }),
])

export function sliceText(
  image: FleetImage,
  node: string,
  run: string,
  { learnedAt, holds }: SliceHead,
  entries: readonly ProfileEntry[],
): string {
  const head = headIn({ learnedAt, holds })
  const of = { image: fleetImage(image), node, run }
  return JSON.stringify({ schema: sliceVersion, ...of, ...head, entries })
}

export function decisionText({ image, node, ...content }: SharedDecision): string {
  return JSON.stringify({ schema: decisionVersion, image: fleetImage(image), node, ...content })
}

/** The form in a slice, which holds what a node observed. Decisions have keys, and rights, of their own. */
export function withoutDecision({ schema, id, actor, uid, object, cells }: ProfileEntry) {
  return { schema, id, actor, uid, object, cells }
}

/** The subject of a decision, as its key has it. */
export function subjectOf({ entry, hold, closing }: DecisionContent): string {
  if (entry !== undefined) return entry.id
  if (closing !== undefined) return closingSubject(closing.id)
  return hold === undefined ? modeSubject : holdSubject(hold.id)
}

/**
 * A value of the bucket, reduced to what its key allows: evidence of that node alone, or a decision that was made until
 * now. The server compares the writer with the key, and the reader the key with the value.
 *
 * Errors: `FLEET_VALUE_INVALID`.
 *
 * @param onLater gets the reason, where parts of a later version are left out
 */
export function parseFleetValue(
  key: string,
  value: unknown,
  nowMs: number,
  onLater: (error: SnugError) => void = () => undefined,
): FleetValue {
  if (value === undefined) throw invalid('it is no JSON, or too large')
  if (key.startsWith('slices.')) return parseSlice(key, value, nowMs, onLater)
  if (key.startsWith('decisions.'))
    return { kind: 'decision', decision: parseDecision(key, value, nowMs) }
  throw invalid('no agent writes such a key')
}

function parseSlice(
  key: string,
  value: unknown,
  nowMs: number,
  onLater: (error: SnugError) => void,
): FleetValue {
  mustHave(sliceVersion, value)
  const result = sliceSchema.safeParse(value)
  const slice = readableSlice(value as WrittenSlice, result, invalid, onLater)
  const { image, node, run, learnedAt, holds, entries } = slice
  const page = pageIn(key, node, image)
  if (page === undefined) throw invalid(`the key is not one of a slice of the node \`${node}\``)
  const head = headIn({ learnedAt, holds })
  const observed = entries.map(withoutDecision)
  const own = {
    image: fleetImage(image),
    node,
    name: key,
    page,
    head,
    entries: ownEntries({ node, entries: observed, ...head }, nowMs, invalid),
  }
  return { kind: 'slice', slice: own, run }
}

interface WrittenSlice extends Pick<SliceHead, 'learnedAt' | 'holds'> {
  readonly image: FleetImage
  readonly node: string
  readonly run: string
  readonly entries: readonly ProfileEntry[]
}

function parseDecision(key: string, value: unknown, nowMs: number): SharedDecision {
  mustHave(decisionVersion, value)
  mustFit(decisionSchema.safeParse(value), invalid)
  const read = value as SharedDecision
  const { image, node, mode, hold, closing } = read
  const of = { image: fleetImage(image), node }
  mustBeDue('the mode', mode?.at, nowMs, invalid)
  mustBeDue('the hold', hold?.at, nowMs, invalid)
  mustBeDue('the closing', closing?.at, nowMs, invalid)
  const content = contentIn(read, nowMs)
  if (decisionKey(image, subjectOf(content)) !== key)
    throw invalid('the key is not that of its image and behaviour')
  return { ...of, ...content }
}

function contentIn(
  { node, entry, mode, hold, closing }: SharedDecision,
  nowMs: number,
): DecisionContent {
  if (hold !== undefined) return { hold }
  if (closing !== undefined) return { closing }
  if (mode !== undefined) return { mode }
  if (entry === undefined) throw invalid('it decides nothing')
  return { entry: decidedEntry(node, entry, nowMs) }
}

function decidedEntry(node: string, entry: ProfileEntry, nowMs: number): ProfileEntry {
  const [own] = ownEntries({ node, entries: [{ ...entry, cells: [] }] }, nowMs, invalid)
  if (own === undefined) throw invalid('it has no decision')
  return own
}

function mustHave(version: string, value: unknown): void {
  const { schema } = Object(value) as { readonly schema?: unknown }
  if (schema === version) return
  const name = typeof schema === 'string' ? `\`${schema.slice(0, 60)}\`` : 'no name'
  throw invalid(`its schema has ${name}, and this agent reads \`${version}\``)
}

function invalid(message: string): SnugError {
  return new SnugError('FLEET_VALUE_INVALID', message)
}
