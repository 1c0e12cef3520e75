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

/** A hold on containers of one image version, and how far it has come on each node. */
export const fleetHold = z.object({
  id: text,
  /** Of the ImageProfile. */
  profile: text,
  lineage: text,
  level: z.enum(holdLevels),
  /** `NAMESPACE/POD`. Without pod and container: all containers of the version. */
  pod: maybe,
  container: maybe,
  by: text,
  at: text,
  until: text,
  reason: text,
  /** Who ended it, where a node has not done so yet. */
  releasedBy: maybe,
  nodes: z.array(z.object({ node: text, containers: z.int(), held: z.int(), because: maybe })),
})
export type FleetHold = View<typeof fleetHold>
