import { z } from 'zod'
import type { View } from '../core/view.ts'
import { behaviourIds, moment, reason, userId } from './body-parts.ts'
import { cardDecisions } from './terms.ts'
import { versionView } from './version-views.ts'
import { count, flag, maybe, text, texts, user } from './view-parts.ts'

/** What people decide on behaviours, what follows from it, and its record. */
const name = z.string().min(1).max(200)
/** Changes nothing: the answer shows what would change. */
export const dryRun = z
  .boolean()
  .exactOptional()
  .meta({ description: 'changes nothing: the answer shows what would change' })

/** What one request decides on. */
const placesMost = 1_000

/** The behaviours of a card in one version, as a reader saw them. */
const decidedPlace = z.strictObject({
  /** IMAGE, one version. */
  ref: z.string().min(1).max(500),
  /** Of the version when it was read. */
  revision: name,
  behaviours: behaviourIds,
})
export const cardDecision = z.strictObject({
  decision: z.enum(cardDecisions),
  places: z.array(decidedPlace).min(1).max(placesMost),
  /** Includes behaviours on which a guardrail fired. */
  quarantined: z.boolean().exactOptional(),
  /** RFC 3339: the approval ends by itself. */
  until: moment.exactOptional(),
  reason: reason.exactOptional(),
  dryRun: z.boolean().exactOptional(),
})
export type CardDecision = Omit<View<typeof cardDecision>, 'reason'>

export const cardDecisionResult = z.object({
  /** `revision`: after the decision. */
  decided: z.array(z.object({ ref: text, revision: text, behaviours: texts })),
})
export type CardDecisionResult = View<typeof cardDecisionResult>
export type DecidedPlace = CardDecisionResult['decided'][number]

const ofContainer = z.strictObject({ container: name })
const ofSession = z.strictObject({ session: name })
const between = z.strictObject({
  /** RFC 3339, both included. */
  between: z.strictObject({ from: moment, to: moment }),
})
/** The evidence to forget, one of the three: the beginning of an id will do, and of a container its name. */
export const forgetChoice = z.union([ofContainer, ofSession, between], {
  error: 'must be one of `container`, `session` and `between`',
})
export type ForgetChoice = View<typeof forgetChoice>

const editAllowance = z.strictObject({
  behaviour: name,
  until: moment.exactOptional(),
  onlyUid: userId.exactOptional(),
})
/** `snug.edit/v1`: decisions that are not made yet. */
export const profileEdit = z.strictObject({
  schema: z.literal('snug.edit/v1').optional(),
  allow: z
    .array(z.union([name.transform((behaviour) => ({ behaviour })), editAllowance]))
    .max(10_000)
    .exactOptional(),
  reject: behaviourIds.exactOptional(),
  forget: z.array(forgetChoice).max(1_000).exactOptional(),
})
export type ProfileEdit = Omit<View<typeof profileEdit>, 'schema'>

const forgottenRow = z.object({ id: text, actor: text, uid: user, text })
export type ForgottenRow = View<typeof forgottenRow>

export const forgetResult = z.object({
  /** Behaviours that vanished: nothing else had shown them. */
  gone: z.array(forgottenRow),
  /** Ids of behaviours that stay, with less evidence. */
  lessened: texts,
  /** Number of forgotten events. */
  acts: count,
  /** The span of the forgotten events. It is wider than requested where evidence is coarser. */
  from: maybe,
  to: maybe,
  version: versionView,
})
export type ForgetResult = View<typeof forgetResult>

export const incidentResult = forgetResult.extend({
  /** Behaviours that only the session had shown: rejected. */
  rejected: z.array(forgottenRow),
  /** Ids of the session's alerts, which are decided with it. */
  alerts: texts,
})
export type IncidentResult = View<typeof incidentResult>

export const removalResult = z.object({
  /** As it was before the removal. */
  version: versionView,
  /** Ids of its alerts without a decision: they stay, and can only be acknowledged. */
  openAlerts: texts,
})
export type RemovalResult = View<typeof removalResult>

export const auditView = z.looseObject({
  seq: count,
  time: text,
  what: text,
  who: text,
  /** SHA-256 of the entry before. */
  previous: text,
})
export type AuditView = View<typeof auditView>

export const auditCheckView = z.object({
  ok: flag,
  entries: count,
  /** Hash of the last entry: kept elsewhere, it vouches for all before it. */
  head: text,
  faults: texts,
})
export type AuditCheckView = View<typeof auditCheckView>

export const undoResult = z.object({
  /** Number of the entry that was undone. */
  undone: count,
  what: text,
  image: maybe,
  alert: maybe,
  incident: maybe,
  behaviours: texts,
})
export type UndoResult = View<typeof undoResult>

const editTestRow = forgottenRow.extend({
  origin: text,
  count,
  /** The exact event, if the behaviour is a pattern. */
  literal: maybe,
})
export type EditTestRow = View<typeof editTestRow>

const permissive = z.object({
  /** Behaviours that allow anything. */
  allowed: count,
  /** Of these, the ones that allow more than what was seen. */
  patterns: count,
  attacks: count,
})
export type PermissiveView = View<typeof permissive>

const attackRow = z.object({
  name: text,
  /** MITRE ATT&CK technique ids. */
  attack: texts,
  actor: text,
  uid: user,
  /** It would be expected without the edit too. */
  already: flag,
})
export type AttackRow = View<typeof attackRow>

export const editTestResult = z.object({
  /** Different stored events that were judged. */
  judged: count,
  /** Expected now, and deviations with the edit. */
  fires: z.array(editTestRow),
  /** Deviations now, and expected with the edit. */
  quiets: z.array(editTestRow),
  /** Deviations with and without it. */
  still: count,
  permissive: z.object({ before: permissive, after: permissive }),
  /** Recorded attacks that the edited profile would expect of one of its actors. */
  attacks: z.array(attackRow),
  attacksTried: count,
})
export type EditTestResult = View<typeof editTestResult>
