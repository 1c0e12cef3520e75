import { z } from 'zod'
import { sharedForm } from '../../core/behaviour/shared-form.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { SnugError } from '../../errors.ts'
import { entrySchema, hasOwnId } from '../../supplychain/export/entry-schema.ts'
import { holdProgressSchema } from '../../core/lifecycle/shared-hold.ts'
import { modes } from '../../core/lifecycle/mode.ts'
import { issueText, laterParts, type Refuse } from './later-form.ts'
import type { SliceHead } from './slice-head.ts'

/** How far the clocks of two nodes may differ, in milliseconds. */
const clockSkewMs = 600_000

const text = z.string().min(1)
const moment = z.iso.datetime()

export const imageSchema = z.looseObject({
  repository: text,
  digest: text,
  scope: text.optional(),
})

/** A decision on the mode that a person made at a node. */
export const modeSchema = z.looseObject({
  mode: z.enum(modes),
  by: text,
  at: moment,
  reason: z.string().optional(),
  canary: z
    .looseObject({
      fraction: z.number().min(0).max(1).optional(),
      forMs: z.number().min(0).optional(),
    })
    .optional(),
})

/** The members of a slice, in whichever store. */
export const sliceMembers = {
  image: imageSchema,
  node: text,
  learnedAt: moment.optional(),
  mode: modeSchema.optional(),
  holds: z.array(holdProgressSchema).optional(),
  entries: z.array(entrySchema),
}

interface SliceContent extends Pick<SliceHead, 'mode'> {
  readonly entries: readonly ProfileEntry[]
}

/**
 * A slice without what only a later version can have written: entries, or the decision on the mode.
 *
 * Errors: those of `refuse`.
 */
export function readableSlice<Slice extends SliceContent>(
  slice: Slice,
  result: z.ZodSafeParseResult<unknown>,
  refuse: Refuse,
  onLater: (error: SnugError) => void,
): Slice {
  const later = laterParts(slice, result, ['entries.*', 'mode'], refuse, onLater)
  if (later.size === 0) return slice
  const entries = slice.entries.filter((_, at) => !later.has(`entries.${at}`))
  return { ...slice, ...(later.has('mode') && { mode: undefined }), entries }
}

/**
 * What its node may publish: evidence of its own, and decisions that were made until now. Readers compare that too, since
 * a store compares the writer with the node only where somebody set it up so.
 *
 * Errors: those of `refuse`.
 */
export function ownEntries(
  { node, mode, learnedAt, entries }: SliceHead & OfNode,
  nowMs: number,
  refuse: Refuse,
): readonly ProfileEntry[] {
  mustBeDue('the mode', mode?.at, nowMs, refuse)
  mustBeDue('the end of the window', learnedAt, nowMs, refuse)
  const own: ProfileEntry[] = []
  for (const entry of entries) {
    const { id, decision } = entry
    if (!hasOwnId(entry)) throw refuse(`\`${id}\` is not the id of its behaviour`)
    mustBeDue(`the decision on \`${id}\``, decision?.at, nowMs, refuse)
    const shared = sharedForm(entry, node)
    if (shared === undefined) continue
    own.push({ ...shared, cells: shared.cells.map((cell) => ({ ...cell, nodes: [node] })) })
  }
  return own
}

interface OfNode {
  readonly node: string
  readonly entries: readonly ProfileEntry[]
}

/** The latest decision applies: one of next year would apply until then. */
export function mustBeDue(
  what: string,
  at: string | undefined,
  nowMs: number,
  refuse: Refuse,
): void {
  if (at === undefined || Date.parse(at) <= nowMs + clockSkewMs) return
  throw refuse(`${what} is in the future: ${at}`)
}

export function mustFit({ success, error }: z.ZodSafeParseResult<unknown>, refuse: Refuse): void {
  if (!success) throw refuse(issueText(error.issues[0]))
}
