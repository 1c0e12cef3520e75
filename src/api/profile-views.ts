import { z } from 'zod'
import { causeAccesses } from '../core/event/alert-words.ts'
import { placeSchema } from '../core/profile/place-schema.ts'
import { exportFormats } from '../supplychain/export/export-profile.ts'
import { imageRef } from '../core/event/event-schema.ts'
import { shownStates } from './terms.ts'
import { versionView } from './version-views.ts'
import { count, flag, maybe, text, texts, user } from './view-parts.ts'
import type { View } from '../core/view.ts'

export const behaviourView = z.object({
  id: text,
  actor: z.object({ exe: text, script: maybe }),
  uid: user,
  kind: text,
  object: text,
  /** Object as one line for people, such as `read /etc/nginx/nginx.conf`. */
  text,
  /** The place that it lies in, which lists show instead of it. */
  within: maybe,
  state: z.enum(shownStates),
  why: text,
  generalised: flag,
  witnesses: texts,
  origins: texts,
  count,
  containers: texts,
  /** Exec sessions that showed it. */
  sessions: texts,
  nodes: texts,
  sources: texts,
  firstSeen: text,
  lastSeen: text,
  inherited: flag,
  guardrails: texts,
  /** Of a folder with ever new names: its templates, figures, and the attacker's names that it would include. */
  place: placeSchema.exactOptional(),
  allowance: z
    .object({
      by: text,
      at: text,
      until: maybe,
      onlyUid: count.exactOptional(),
      onlyWorkload: maybe,
    })
    .exactOptional(),
})
export type BehaviourView = View<typeof behaviourView>

export const profileView = z.object({ version: versionView, behaviours: z.array(behaviourView) })
export type ProfileView = View<typeof profileView>

const diffRow = z.object({
  id: text,
  text,
  actor: text,
  uid: user,
  kind: text,
  /** Rows of one actor, access and place have one cause: see `cause` of an alert. */
  access: z.enum(causeAccesses),
  place: text,
  /** Who does it, or whom it runs, is a program or script that the later image brings: its path. */
  component: maybe,
  explained: maybe,
})
export type DiffRow = View<typeof diffRow>

const diffRows = z.array(diffRow)
export const profileDiff = z.object({
  from: imageRef,
  to: imageRef,
  added: diffRows,
  removed: diffRows,
  unchanged: count,
  /** What follows from the two images' own files: in neither list above. */
  derived: z.object({ added: diffRows, removed: diffRows }),
})
export type ProfileDiff = View<typeof profileDiff>

export const decisionResult = z.object({
  decided: texts,
  /** Behaviours that a guardrail keeps in quarantine still. */
  quarantined: count,
  version: versionView,
})
export type DecisionResult = View<typeof decisionResult>

const rejectedLine = z.object({ line: count, code: text, message: text })
export type RejectedLine = View<typeof rejectedLine>

export const replayResult = z.object({
  events: count,
  expected: count,
  deviations: count,
  unprofiled: count,
  learned: count,
  losses: count,
  rejected: z.array(rejectedLine),
  rejectedCount: count,
})
export type ReplayResult = View<typeof replayResult>

const backTestRow = z.object({
  text,
  actor: text,
  uid: user,
  outcome: z.enum(['expected', 'deviation', 'unprofiled']),
  count,
  reasons: texts,
  line: count,
})
export type BackTestRow = View<typeof backTestRow>

export const backTestResult = z.object({
  events: count,
  expected: count,
  deviations: count,
  /** Sentences about kinds that no source observed during learning. */
  unprofiled: count,
  rejectedCount: count,
  rejected: z.array(rejectedLine),
  /** Distinct deviations, most frequent first. */
  rows: z.array(backTestRow),
})
export type BackTestResult = View<typeof backTestResult>

export const profileExport = z.strictObject({
  image: imageRef,
  format: z.enum(exportFormats),
  text: text.meta({ description: 'content of the file' }),
  notes: texts.meta({ description: 'what the format cannot express, and how to use the file' }),
})
export type ProfileExport = View<typeof profileExport>

export interface AllowScope {
  /** RFC 3339; absent: for good. */
  readonly until?: string
  readonly onlyUid?: number
  /** Of a connection: a block of addresses, `10.0.0.0/8`, instead of the one address or name. */
  readonly peer?: string
  /** Only for the workload that the alert is of. */
  readonly workload?: boolean
}
