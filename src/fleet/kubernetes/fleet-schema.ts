import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { sharedForm } from '../../core/behaviour/shared-form.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { entrySchema, hasOwnId } from '../../supplychain/export/entry-schema.ts'
import { fleetModes, type ImageProfile, pageOf, type ProfileSlice } from './fleet-objects.ts'
import type { KubeObject } from './object.ts'

/** How far the clocks of two nodes may differ, in milliseconds. */
const clockSkewMs = 600_000

const text = z.string().min(1)
const whole = z.int().min(0)
const moment = z.iso.datetime()
const metadata = z.looseObject({ name: text, uid: text, resourceVersion: text })
const image = z.looseObject({ repository: text, digest: text, scope: text.optional() })
const ids = z.array(text)

const profileSchema = z.looseObject({
  metadata,
  spec: z.looseObject({
    image,
    mode: z.enum(fleetModes).optional(),
    authority: z.enum(['operator', 'git']).optional(),
    approve: z
      .looseObject({
        all: z.boolean().optional(),
        behaviours: ids.optional(),
        quarantined: ids.optional(),
      })
      .optional(),
    reject: z.looseObject({ behaviours: ids.optional() }).optional(),
  }),
})

const reconciledSchema = z.looseObject({
  profile: text,
  decisions: z.array(
    z.looseObject({ after: whole, generation: whole, at: moment, names: z.array(z.string()) }),
  ),
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
  reconciled: reconciledSchema.optional(),
  reconciledForAll: reconciledSchema.optional(),
  entries: z.array(entrySchema),
})

/** Errors: `KUBE_OBJECT_INVALID`. */
export function parseImageProfile(object: KubeObject): ImageProfile {
  check(profileSchema.safeParse(object))
  return object as ImageProfile
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
  const { node, mode, learnedAt, reconciled, reconciledForAll, entries } = slice
  if (pageOf(slice.metadata.name, slice.image, node) === undefined)
    throw invalid(`the name is not one of a slice of the node \`${node}\``)
  const isDue = (at: string | undefined): boolean =>
    at === undefined || Date.parse(at) <= nowMs + clockSkewMs
  // The latest decision applies: one of next year would apply until then.
  if (!isDue(mode?.at)) throw invalid(`\`mode.at\` is in the future: ${mode?.at}`)
  if (!isDue(learnedAt)) throw invalid(`\`learnedAt\` is in the future: ${learnedAt}`)
  for (const { at } of [reconciled, reconciledForAll].flatMap((each) => each?.decisions ?? [])) {
    if (!isDue(at)) throw invalid(`\`reconciled\` has a time in the future: ${at}`)
  }
  const own: ProfileEntry[] = []
  for (const entry of entries) {
    const { id, decision } = entry
    if (!hasOwnId(entry)) throw invalid(`\`${id}\` is not the id of its behaviour`)
    if (!isDue(decision?.at))
      throw invalid(`the decision on \`${id}\` is in the future: ${decision?.at}`)
    const shared = sharedForm(entry, node)
    if (shared === undefined) continue
    own.push({ ...shared, cells: shared.cells.map((cell) => ({ ...cell, nodes: [node] })) })
  }
  return { ...slice, entries: own }
}

function check({ success, error }: z.ZodSafeParseResult<unknown>): void {
  if (success) return
  const [issue] = error.issues
  throw invalid(`\`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'is invalid'}`)
}

function invalid(message: string): SnugError {
  return new SnugError('KUBE_OBJECT_INVALID', message)
}
