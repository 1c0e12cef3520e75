import { z } from 'zod'
import { openObject, type View } from '../view.ts'

const short = z.string().max(500)
const sentence = z.string().max(20_000)
const count = z.number().min(0)

/** `snug.agent/v1`: the state of one agent, as it reports it again and again. The latest one of a node counts. */
export const agentReport = openObject({
  schema: z.literal('snug.agent/v1'),
  time: z.iso.datetime(),
  node: short.min(1),
  version: short,
  /** After how many milliseconds the next report follows. */
  everyMs: z.number().min(1_000).max(3_600_000),
  state: short,
  /** Sources that do not observe now, each with its reason. */
  blind: z.array(sentence).max(100),
  /** What else does not work, for people. */
  degraded: z.array(sentence).max(1_000),
  /** How long the oldest record has waited for delivery to this receiver, in milliseconds. */
  behindMs: count,
  containers: count,
  openAlerts: count,
})
export type AgentReport = View<typeof agentReport>
