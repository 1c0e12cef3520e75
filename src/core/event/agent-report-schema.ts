import { z } from 'zod'
import { openObject, type View } from '../view.ts'
import { imageRef } from './event-schema.ts'

const short = z.string().max(500)
const sentence = z.string().max(20_000)
const count = z.number().min(0)

/** A version of which containers run that the host's kernel does not see; `of`: its running containers. */
const blindImage = openObject({
  image: imageRef,
  running: count,
  of: count,
  reasons: z.array(sentence).max(100),
})
export type BlindImage = View<typeof blindImage>
export const blindImages = z.array(blindImage).max(100)

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
  /** Those of them that are blind; absent: none, or an agent of an earlier version. */
  blindContainers: count.exactOptional(),
  /** Of which versions: at most 100 of these. */
  blindImages: blindImages.exactOptional(),
  openAlerts: count,
})
export type AgentReport = View<typeof agentReport>
