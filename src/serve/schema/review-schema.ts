import { z } from 'zod'
import {
  type AuditCheckView,
  type AuditView,
  cardDecisions,
  type CardDecisionResult,
  type EditTestResult,
  type ForgetResult,
  type IncidentResult,
  type RemovalResult,
  type UndoResult,
} from '../../api/engine.ts'
import { behaviourIds, moment, reason, userId } from '../body-parts.ts'
import { user, version } from './view-schema.ts'

const text = z.string()
const count = z.number()
const name = z.string().min(1).max(200)

const container = z.strictObject({ container: name })
const session = z.strictObject({ session: name })
const between = z.strictObject({ between: z.strictObject({ from: moment, to: moment }) })
/** The evidence to forget: one of the three. */
export const forgetChoice = z.union([container, session, between], {
  error: 'must be one of `container`, `session` and `between`',
})

const allowance = z.strictObject({
  behaviour: name,
  until: moment.exactOptional(),
  onlyUid: userId.exactOptional(),
})
/** `snug.edit/v1` */
export const profileEdit = z.strictObject({
  schema: z.literal('snug.edit/v1').optional(),
  allow: z
    .array(z.union([name.transform((behaviour) => ({ behaviour })), allowance]))
    .max(10_000)
    .exactOptional(),
  reject: behaviourIds.exactOptional(),
  forget: z.array(forgetChoice).max(1_000).exactOptional(),
})

/** What one request decides on. */
const placesMost = 1_000

const decidedPlace = z.strictObject({
  ref: z.string().min(1).max(500),
  revision: name,
  behaviours: behaviourIds,
})
export const cardDecision = z.strictObject({
  decision: z.enum(cardDecisions),
  places: z.array(decidedPlace).min(1).max(placesMost),
  quarantined: z.boolean().optional(),
  until: moment.optional(),
  reason: reason.optional(),
  dryRun: z.boolean().optional(),
})
export const cardDecisionResult: z.ZodType<CardDecisionResult> = z.object({
  decided: z.array(z.object({ ref: text, revision: text, behaviours: z.array(text) })),
})

const vanished = { id: text, actor: text, uid: user, text }
const forgotten = {
  gone: z.array(z.object(vanished)),
  lessened: z.array(text),
  acts: count,
  from: text.exactOptional(),
  to: text.exactOptional(),
  version,
}
export const forgetResult: z.ZodType<ForgetResult> = z.object(forgotten)
export const incidentResult: z.ZodType<IncidentResult> = z.object({
  ...forgotten,
  rejected: z.array(z.object(vanished)),
  alerts: z.array(text),
})

export const removalResult: z.ZodType<RemovalResult> = z.object({
  version,
  openAlerts: z.array(text),
})

export const auditRecords: z.ZodType<readonly AuditView[]> = z.array(
  z.looseObject({ seq: count, time: text, what: text, who: text, previous: text }),
)
export const auditCheck: z.ZodType<AuditCheckView> = z.object({
  ok: z.boolean(),
  entries: count,
  head: text,
  faults: z.array(text),
})

const editRows = z.array(
  z.object({ ...vanished, origin: text, count, literal: text.exactOptional() }),
)
const permissive = z.object({ allowed: count, patterns: count, attacks: count })
export const editTestResult: z.ZodType<EditTestResult> = z.object({
  judged: count,
  fires: editRows,
  quiets: editRows,
  still: count,
  permissive: z.object({ before: permissive, after: permissive }),
  attacks: z.array(
    z.object({
      name: text,
      attack: z.array(text),
      actor: text,
      uid: user,
      already: z.boolean(),
    }),
  ),
  attacksTried: count,
})

export const undoResult: z.ZodType<UndoResult> = z.object({
  undone: count,
  what: text,
  image: text.exactOptional(),
  alert: text.exactOptional(),
  incident: text.exactOptional(),
  behaviours: z.array(text),
})
