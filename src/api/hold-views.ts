import { z } from 'zod'
import { holdLevels } from '../core/lifecycle/hold.ts'
import type { View } from '../core/view.ts'
import { count, maybe, text } from './view-parts.ts'

/** How far a hold has come in one container. */
const standing = {
  /** `waiting`: neither the kernel nor the engine has confirmed it. */
  state: z.enum(['held', 'waiting', 'failed']),
  /** Why it failed. */
  because: maybe,
  /** Open connections that it ended. */
  ended: count.exactOptional(),
}
export type HoldStanding = View<z.ZodObject<typeof standing>>

const heldContainer = z.object({ id: text, name: maybe, image: text, ...standing })

/** A hold, with its containers on this node and how far it has come in each. */
export const holdView = z.object({
  id: text,
  level: z.enum(holdLevels),
  target: text,
  by: text,
  reason: text,
  since: text,
  until: text,
  containers: z.array(heldContainer),
})
export type HoldView = View<typeof holdView>
