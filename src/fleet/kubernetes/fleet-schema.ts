import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { allWaiting, anyProgramEntry, decisionActions } from '../../core/lifecycle/decided-spec.ts'
import { laterParts } from '../slices/later-form.ts'
import {
  imageSchema,
  mustBeDue,
  ownEntries,
  readableSlice,
  sliceMembers,
} from '../slices/slice-content.ts'
import { type ImageProfile, pageOf, type ProfileSlice } from './fleet-objects.ts'
import { sharedClosingSchema } from '../../core/lifecycle/shared-closing.ts'
import { sharedHoldSchema } from '../../core/lifecycle/shared-hold.ts'
import { modes } from '../../core/lifecycle/mode.ts'
import type { KubeObject } from './object.ts'

const text = z.string().min(1)
const moment = z.iso.datetime()
const metadata = z.looseObject({ name: text, uid: text, resourceVersion: text })
const author = { by: text, at: moment }

const profileSchema = z.looseObject({
  metadata,
  spec: z.looseObject({
    image: imageSchema,
    mode: z.looseObject({ value: z.enum(modes), ...author }).optional(),
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
          })
          .refine(
            ({ behaviour, action }) => behaviour !== anyProgramEntry || action !== 'release',
            { message: 'class `open` can only be approved or rejected' },
          ),
      )
      .optional(),
    holds: z.array(sharedHoldSchema).optional(),
    closings: z.array(sharedClosingSchema).optional(),
  }),
})

const sliceSchema = z.looseObject({ metadata, ...sliceMembers })

type OnLater = (error: SnugError) => void

/**
 * An object whose decisions were made until now. It has decisions of a later version too, so that a writer keeps them;
 * `specDecisionOf` leaves them out.
 *
 * Errors: `KUBE_OBJECT_INVALID`.
 *
 * @param onLater gets the reason, where there are any
 */
export function parseImageProfile(
  object: KubeObject,
  nowMs: number,
  onLater: OnLater = () => undefined,
): ImageProfile {
  const alone = ['spec.decisions.*', 'spec.holds.*', 'spec.closings.*', 'spec.mode']
  laterParts(object, profileSchema.safeParse(object), alone, invalid, onLater)
  const profile = object as ImageProfile
  const { mode, decisions = [], holds = [], closings = [] } = profile.spec
  mustBeDue('the mode', mode?.at, nowMs, invalid)
  for (const { behaviour, at } of decisions)
    mustBeDue(`the decision on \`${behaviour}\``, at, nowMs, invalid)
  for (const { id, at } of holds) mustBeDue(`the hold \`${id}\``, at, nowMs, invalid)
  for (const { id, at } of closings) mustBeDue(`the closing \`${id}\``, at, nowMs, invalid)
  return profile
}

/**
 * A slice, reduced to what its node may publish: evidence of its own, and decisions that were made until now. The API
 * server compares the writer with the node only where it has the policy for that, so the reader compares name, node and
 * evidence too.
 *
 * Errors: `KUBE_OBJECT_INVALID`.
 *
 * @param onLater gets the reason, where parts of a later version are left out
 */
export function parseSlice(
  object: KubeObject,
  nowMs: number,
  onLater: OnLater = () => undefined,
): ProfileSlice {
  const result = sliceSchema.safeParse(object)
  const slice = readableSlice(object as ProfileSlice, result, invalid, onLater)
  const { node } = slice
  if (pageOf(slice.metadata.name, slice.image, node) === undefined)
    throw invalid(`the name is not one of a slice of the node \`${node}\``)
  return { ...slice, entries: ownEntries(slice, nowMs, invalid) }
}

function invalid(message: string): SnugError {
  return new SnugError('KUBE_OBJECT_INVALID', message)
}
