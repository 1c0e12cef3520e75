import { z } from 'zod'
import type { View } from '../core/view.ts'
import { cardGroupings, shownStates } from './terms.ts'
import { modes, versionStates } from '../core/lifecycle/mode.ts'
import { count, counts, maybe, text, texts } from './view-parts.ts'

export interface ReviewQuery {
  readonly offset: number
  readonly limit: number
  readonly q?: string
  readonly repository?: string
  /** Only the card with this `id`. */
  readonly card?: string
}

export interface CardQuery {
  /** `key` of the card. */
  readonly card: string
  readonly offset: number
  readonly limit: number
}

const cardBehaviour = z.object({
  id: text,
  actor: text,
  /** As in `as uid 101`. */
  user: text,
  kind: text,
  text,
  /** `repository@digest` of each version in which it waits. */
  versions: texts,
  containers: count,
  count,
  firstSeen: text,
  lastSeen: text,
  guardrails: texts,
  /** The change in the image that explains it. */
  explained: maybe,
})
export type CardBehaviour = View<typeof cardBehaviour>

export const cardBehaviourPage = z.object({
  total: count,
  offset: count,
  rows: z.array(cardBehaviour),
})
export type CardBehaviourPage = View<typeof cardBehaviourPage>

const cardPlace = z.object({
  /** `repository@digest` */
  ref: text,
  tags: texts,
  state: z.enum(versionStates),
  mode: z.enum(modes),
  /** To be sent with a decision. */
  revision: text,
  /** `learned` where it is a new version's delta. */
  behaviourState: z.enum(shownStates),
  /** Ids of the behaviours that wait in it, to be sent with a decision. */
  behaviours: texts,
  containers: count,
  count,
})
export type CardPlace = View<typeof cardPlace>

/**
 * Behaviours of an image that wait for one decision, over its versions and containers. Behaviours on which a guardrail
 * fired never share a card with others.
 */
const reviewCard = z.object({
  /** Stays as long as the card exists. */
  key: text,
  /** Of the card as it stands: another one once a behaviour comes or goes. */
  id: text,
  /** With `#scope`, where profiles have one. */
  repository: text,
  grouping: z.enum(cardGroupings),
  /** A program or an exec session. */
  actor: text,
  /** As in `as uid 101`. */
  user: text,
  kinds: texts,
  /** What happened, with the actor before it: `writes 11 files in /var/lib/app/tickets/`. */
  text,
  behaviours: count,
  /** The first of them. */
  samples: z.array(cardBehaviour),
  /** A pattern that all names of the card's place fit. */
  proposed: maybe,
  places: z.array(cardPlace),
  origins: texts,
  containers: count,
  sessions: texts,
  count,
  firstSeen: text,
  lastSeen: text,
  guardrails: texts,
  /** Why the first of them is not known, most important first. */
  reasons: texts,
  nearest: maybe,
  /** Other scopes whose profile of the image expects all of it; absent: none. */
  elsewhere: texts.exactOptional(),
  /** The change in the image that explains all of it: such a card is selected in advance. */
  explained: maybe,
  /** Ids of open alerts about it. */
  alerts: texts,
})
export type ReviewCard = View<typeof reviewCard>

const waitingVersion = z.object({
  ref: text,
  revision: text,
  repository: text,
  tags: texts,
  state: z.enum(versionStates),
  behaviours: count,
  sentence: text,
  because: text,
})
export type WaitingVersion = View<typeof waitingVersion>

export const reviewPage = z.object({
  total: count,
  offset: count,
  cards: z.array(reviewCard),
  /** Behaviours in all these cards. */
  behaviours: count,
  /** Versions that wait for a decision on the whole version. */
  versions: z.array(waitingVersion),
  /** Images with cards, by how many. */
  repositories: counts,
})
export type ReviewPage = View<typeof reviewPage>
