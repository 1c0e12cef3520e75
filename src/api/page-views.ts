import { z } from 'zod'
import type { View } from '../core/view.ts'
import type { AlertPage, AlertRowQuery, AlertStory } from './alert-rows.ts'
import { behaviourView } from './profile-views.ts'
import type { CardBehaviourPage, CardQuery, ReviewPage, ReviewQuery } from './review-cards.ts'
import { actGroups, type ShownState, shownStates } from './terms.ts'
import { modes, versionStates } from '../core/lifecycle/mode.ts'
import { bySeverity, count, counts, flag, maybe, text, texts } from './view-parts.ts'

/**
 * What the page shows beyond the plain views of the engine: joined, cut to what a screen needs, and counted where it
 * was cut. Nothing here changes anything. Plain JSON; times are RFC 3339 UTC.
 */
export interface PageViews {
  timeline(hours: number): Promise<TimelineView>
  /** The versions of an image as lines of life, oldest first. */
  lives(ref: string): Promise<readonly LifeView[]>
  /** Without `deviations` the profile alone: nothing that waits for a decision. */
  picture(ref: string, deviations?: boolean): Promise<PictureView>
  behaviours(ref: string, query: BehaviourQuery): Promise<BehaviourPage>
  review(query: ReviewQuery): Promise<ReviewPage>
  /** The behaviours of one card, in the order in which they were seen first. */
  cardBehaviours(query: CardQuery): Promise<CardBehaviourPage>
  alertRows(query: AlertRowQuery): Promise<AlertPage>
  story(id: string): Promise<AlertStory>
}

const timelineSlice = z.object({
  from: text,
  /** Alerts that were raised, by severity. */
  alerts: bySeverity,
  /** Behaviours that were seen for the first time. */
  novel: count,
  /** Events known to be lost; a loss of an unknown number counts as one. */
  lost: count,
})
export type TimelineSlice = View<typeof timelineSlice>

const timelineMark = z.object({
  time: text,
  /** As in the audit: `lifecycle`, `approve`, `mode` … */
  what: text,
  who: text,
  /** `repository@digest` */
  image: maybe,
  text,
})
export type TimelineMark = View<typeof timelineMark>

export const timelineView = z.object({
  from: text,
  to: text,
  sliceMs: count,
  slices: z.array(timelineSlice),
  /** Decisions and steps of versions, oldest first. */
  marks: z.array(timelineMark),
})
export type TimelineView = View<typeof timelineView>

const lifeStage = z.object({
  state: z.enum(versionStates),
  mode: z.enum(modes),
  from: text,
  to: maybe,
  because: text,
})
export type LifeStage = View<typeof lifeStage>

export const lifeView = z.object({
  /** `repository@digest` */
  ref: text,
  digest: text,
  tags: texts,
  from: text,
  /** Its latest event; absent while a container of it runs. */
  to: maybe,
  /** In order of time, without gaps; the first begins with the version. */
  stages: z.array(lifeStage),
  /** What people decided on it, oldest first. */
  marks: z.array(timelineMark),
})
export type LifeView = View<typeof lifeView>

const state = z.enum(shownStates)

const actLine = z.object({ id: text, text, state })
export type ActLine = View<typeof actLine>

const actGroup = z.object({
  group: z.enum(actGroups),
  total: count,
  /** The first few; the rest is in the list of behaviours. */
  shown: z.array(actLine),
})
export type ActGroup = View<typeof actGroup>

const program = z.object({
  exe: text,
  script: maybe,
  /** As in `as uid 101`. */
  users: texts,
  /** Events by kind, in a fixed order; only kinds that it has. */
  acts: z.array(actGroup),
  /** Behaviours that wait for a decision, its own start among them. */
  open: count,
})
export type ProgramView = View<typeof program>

const run = z.object({ from: count, to: count, id: text, state, drift: flag })
export type RunView = View<typeof run>

const peer = z.object({
  protocol: text,
  peer: text,
  /** 0 where the protocol has no ports. */
  port: count,
  /** `out`: connected to; `in`: listened on. */
  direction: z.enum(['out', 'in']),
  /** Indices of `programs`. */
  programs: z.array(count),
  count,
  state,
})
export type PeerView = View<typeof peer>

/** The programs, reads, writes and peers of each program of a version. */
export const pictureView = z.object({
  programs: z.array(program),
  /** Which program starts which, as indices of `programs`. */
  runs: z.array(run),
  peers: z.array(peer),
  /** Programs and peers that are left out, because there are more than a picture can hold. */
  left: z.object({ programs: count, peers: count }),
  /** Behaviours that wait for a decision, whether or not the picture has them. */
  deviations: count,
})
export type PictureView = View<typeof pictureView>

export interface BehaviourQuery {
  readonly offset: number
  readonly limit: number
  /** Text in the behaviour or its actor. */
  readonly q?: string
  readonly state?: ShownState
  readonly kind?: string
  /** An executable, or a script. */
  readonly actor?: string
}

export const behaviourPage = z.object({
  total: count,
  offset: count,
  rows: z.array(behaviourView),
  /** Of all of them, whatever the query. */
  kinds: counts,
  states: counts,
})
export type BehaviourPage = View<typeof behaviourPage>
