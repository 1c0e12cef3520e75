import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { allWaiting, decisionActions } from '../../core/lifecycle/decided-spec.ts'
import { sharedForm } from '../../core/behaviour/shared-form.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { entrySchema, hasOwnId } from '../../supplychain/export/entry-schema.ts'
import { fleetModes, type ImageProfile, pageOf, type ProfileSlice } from './fleet-objects.ts'
import type { KubeObject } from './object.ts'

/** How far the clocks of two nodes may differ, in milliseconds. */
const clockSkewMs = 600_000

const text = z.string().min(1)
const moment = z.iso.datetime()
const metadata = z.looseObject({ name: text, uid: text, resourceVersion: text })
const image = z.looseObject({ repository: text, digest: text, scope: text.optional() })
const author = { by: text, at: moment }

const profileSchema = z.looseObject({
  metadata,
  spec: z.looseObject({
    image,
    mode: z.looseObject({ value: z.enum(fleetModes), ...author }).optional(),
    authority: z.enum(['operator', 'git']).optional(),
    decisions: z
      .array(
        z
          .looseObject({
            behaviour: text,
            action: z.enum(decisionActions),
            ...author,
            reason: z.string().optional(),
          })
          .refine(({ behaviour, action }) => behaviour !== allWaiting || action === 'approve', {
            message: 'what waits can only be approved together',
          }),
      )
      .optional(),
  }),
})

const sliceSchema = z.looseObject({
  metadata,
  image,
  node: text,
  learnedAt: moment.optional(),
  mode: z
    .looseObject({
      mode: z.enum(fleetModes),
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
    .optional(),
  entries: z.array(entrySchema),
})

/**
 * An object whose decisions were made until now.
 *
 * Errors: `KUBE_OBJECT_INVALID`.
 */
export function parseImageProfile(object: KubeObject, nowMs: number): ImageProfile {
  check(profileSchema.safeParse(object))
  const profile = object as ImageProfile
  const { mode, decisions = [] } = profile.spec
  mustBeDue('the mode', mode?.at, nowMs)
  for (const { behaviour, at } of decisions)
    mustBeDue(`the decision on \`${behaviour}\``, at, nowMs)
  return profile
}

/**
 * A slice, reduced to what its node may publish: evidence of its own, and decisions that were made until now. The API
 * server compares the writer with the node only where it has the policy for that, so the reader compares name, node and
 * evidence too.
 *
 * Errors: `KUBE_OBJECT_INVALID`.
 */
export function parseSlice(object: KubeObject, nowMs: number): ProfileSlice {
  check(sliceSchema.safeParse(object))
  const slice = object as ProfileSlice
  const { node, mode, learnedAt, entries } = slice
  if (pageOf(slice.metadata.name, slice.image, node) === undefined)
    throw invalid(`the name is not one of a slice of the node \`${node}\``)
  mustBeDue('the mode', mode?.at, nowMs)
  mustBeDue('the end of the window', learnedAt, nowMs)
  const own: ProfileEntry[] = []
  for (const entry of entries) {
    const { id, decision } = entry
    if (!hasOwnId(entry)) throw invalid(`\`${id}\` is not the id of its behaviour`)
    mustBeDue(`the decision on \`${id}\``, decision?.at, nowMs)
    const shared = sharedForm(entry, node)
    if (shared === undefined) continue
    own.push({ ...shared, cells: shared.cells.map((cell) => ({ ...cell, nodes: [node] })) })
  }
  return { ...slice, entries: own }
}

/** The latest decision applies: one of next year would apply until then. */
function mustBeDue(what: string, at: string | undefined, nowMs: number): void {
  if (at === undefined || Date.parse(at) <= nowMs + clockSkewMs) return
  throw invalid(`${what} is in the future: ${at}`)
}

function check({ success, error }: z.ZodSafeParseResult<unknown>): void {
  if (success) return
  const [issue] = error.issues
  throw invalid(`\`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'is invalid'}`)
}

function invalid(message: string): SnugError {
  return new SnugError('KUBE_OBJECT_INVALID', message)
}
