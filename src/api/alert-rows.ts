import { z } from 'zod'
import {
  alertActions,
  type AlertType,
  alertTypes,
  type Severity,
} from '../core/event/alert-words.ts'
import { eventKinds } from '../core/event/event-words.ts'
import type { View } from '../core/view.ts'
import { alert, alertDecision } from '../core/event/alert-schema.ts'
import { bySeverity, count, counts, flag, maybe, severity, text, texts } from './view-parts.ts'

export interface AlertRowQuery {
  readonly offset: number
  readonly limit: number
  readonly q?: string
  /** This severity and above. */
  readonly severity?: Severity
  readonly type?: AlertType
  readonly image?: string
  readonly decided?: boolean
  /** One row for each behaviour, over all containers. */
  readonly grouped?: boolean
  /** Only alerts up to this id: a list that is being read does not move. */
  readonly until?: string
}

const action = z.enum(alertActions)

const alertRow = z.object({
  /** Of a group: its newest alert. */
  id: text,
  /** To be sent with a decision. */
  revision: text,
  time: text,
  lastSeen: text,
  severity,
  type: z.enum(alertTypes),
  action,
  text,
  actor: maybe,
  uid: count.exactOptional(),
  repository: maybe,
  tag: maybe,
  container: maybe,
  reason: text,
  attack: texts,
  /** Names of those who began its sessions. */
  persons: texts,
  count,
  decision: alertDecision.shape.kind.exactOptional(),
  novelty: z.literal(true).exactOptional(),
  /** A pattern that all names of the alert's place fit. */
  proposed: maybe,
  /** Alerts and containers of the group; 1 where it is none. */
  alerts: count,
  containers: count,
})
export type AlertRow = View<typeof alertRow>

export const alertPage = z.object({
  /** Rows that there are, in all. */
  total: count,
  offset: count,
  rows: z.array(alertRow),
  /** Alerts that match but for their severity, by severity. */
  severities: bySeverity,
  repositories: counts,
})
export type AlertPage = View<typeof alertPage>

const ancestor = z.object({
  exe: text,
  /** The profile has this program. */
  known: flag,
})
export type Ancestor = View<typeof ancestor>

const storyStep = z.object({
  time: text,
  kind: z.enum(eventKinds),
  text,
  actor: text,
  user: maybe,
  count,
  /** Present if the source reports it. */
  alert: maybe,
  severity: severity.exactOptional(),
  /** `alerted`, `blocked`, `killed`; absent where it is a known behaviour. */
  action: action.exactOptional(),
})
export type StoryStep = View<typeof storyStep>

/** An alert with the events around it. */
export const alertStory = z.object({
  alert,
  /** To be sent with a decision. */
  revision: text,
  /** From the outermost to the process itself. */
  ancestry: z.array(ancestor),
  /** What the rest of the story is about. */
  scope: z.enum(['session', 'container']),
  /** In order of time; the alert itself is among them. */
  steps: z.array(storyStep),
  /** Steps that are left out, farthest first. */
  left: z.object({ before: count, after: count }),
  /** The incident that it belongs to. */
  incident: z.object({ id: text, title: text }).exactOptional(),
  /** Of files that were executed and the image did not ship: SHA-256, or why there is none. */
  hashes: z.array(z.object({ path: text, text })),
  /** Who began its sessions, or why that is not known. */
  persons: texts,
  /** Open alerts of the same behaviour elsewhere. */
  alike: count,
  /** The profile has the behaviour, so that an edit with it can be tried; of very many deviations it keeps a part only. */
  inProfile: flag,
})
export type AlertStory = View<typeof alertStory>
