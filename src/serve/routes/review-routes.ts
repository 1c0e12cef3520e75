import { behaviourIds, moment, reason, userId } from '../../api/body-parts.ts'
import { alert } from '../../core/event/alert-schema.ts'
import { decisionResult } from '../../api/profile-views.ts'
import {
  auditCheckView,
  auditView,
  cardDecision,
  cardDecisionResult,
  dryRun,
  editTestResult,
  forgetChoice,
  forgetResult,
  incidentResult,
  profileEdit,
  removalResult,
  undoResult,
} from '../../api/review-views.ts'
import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { because, present, ref } from '../call-parts.ts'
import { cursor, limit, numberOf, pageOf } from '../page.ts'
import { type Route, route } from './route.ts'

const approveBody = z
  .strictObject({
    behaviours: behaviourIds.optional(),
    quarantined: z.boolean().optional(),
    until: moment.optional(),
    allScopes: z.boolean().optional(),
    reason: reason.optional(),
    dryRun,
  })
  .prefault({})
const allowBody = z
  .strictObject({
    until: moment.optional(),
    onlyUid: userId.optional(),
    peer: z.string().min(1).max(100).optional(),
    workload: z.boolean().optional(),
    reason: reason.optional(),
  })
  .prefault({})
const whyBody = z.strictObject({ reason: reason.optional() }).prefault({})

/** A person's decisions on behaviours and alerts, what they would change, and their record. */
export const reviewRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/images/:ref/approve',
    role: 'reviewer',
    subject: 'image',
    summary:
      'approves the named behaviours, or all that wait for review; `quarantined` includes those that a guardrail holds in quarantine. `allScopes` approves named behaviours for the image in all other scopes too',
    body: approveBody,
    answer: decisionResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.approve(
        ref(params),
        body.behaviours,
        because(by, body.reason),
        present({
          quarantined: body.quarantined,
          until: body.until,
          allScopes: body.allScopes,
          dryRun: body.dryRun,
        }),
      ),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/reject',
    role: 'reviewer',
    subject: 'image',
    summary: 'rejects the named behaviours: they stay deviations, also in later versions',
    body: z.strictObject({ behaviours: behaviourIds, reason: reason.optional(), dryRun }),
    answer: decisionResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.reject(ref(params), body.behaviours, because(by, body.reason), body.dryRun),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/withdraw',
    role: 'reviewer',
    subject: 'image',
    summary: 'undoes decisions on the named behaviours: only the evidence counts again',
    body: z.strictObject({ behaviours: behaviourIds, reason: reason.optional(), dryRun }),
    answer: decisionResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.withdraw(ref(params), body.behaviours, because(by, body.reason), body.dryRun),
  }),
  route({
    method: 'POST',
    path: '/v1/review/decide',
    role: 'reviewer',
    summary:
      'approves, rejects or withdraws exactly these behaviours, of one version or several, as one step. Each place names the revision that was read; the server refuses all of it if one has changed',
    body: cardDecision,
    answer: cardDecisionResult,
    handle: ({ engine }, { body: { reason: why, ...decision }, by }) =>
      engine.decideCard(present(decision), because(by, why)),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/forget',
    role: 'reviewer',
    subject: 'image',
    summary:
      'removes the evidence of a container, a session or a time. Old evidence is removed in whole time buckets; the response has the exact span',
    body: z.strictObject({ what: forgetChoice, reason: reason.optional(), dryRun }),
    answer: forgetResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.forget(ref(params), body.what, because(by, body.reason), body.dryRun),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/incident',
    role: 'reviewer',
    subject: 'image',
    summary: 'removes the evidence of an exec session, and rejects behaviours that only it showed',
    body: z.strictObject({ session: z.string().min(1).max(200), reason, dryRun }),
    answer: incidentResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.incident(ref(params), body.session, because(by, body.reason), body.dryRun),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/remove',
    role: 'admin',
    subject: 'image',
    summary:
      'removes one version with its profile, evidence and decisions; its alerts stay. Refused while it runs or blocks',
    body: z.strictObject({ reason: reason.optional(), dryRun }).prefault({}),
    answer: removalResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.removeImage(ref(params), because(by, body.reason), body.dryRun),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/test-edit',
    role: 'reviewer',
    summary: 'tries decisions on stored events and recorded attacks; changes nothing',
    body: profileEdit,
    answer: editTestResult,
    handle: ({ engine }, { params, body: { allow, reject, forget } }) =>
      engine.testEdit(ref(params), present({ allow, reject, forget })),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/:id/allow',
    role: 'reviewer',
    subject: 'alert',
    summary:
      'allows the behaviour of the alert, optionally limited in time, user or workload; for a connection, `peer` allows an address block',
    body: allowBody,
    answer: alert,
    handle: ({ engine }, { params, body: { reason: why, ...scope }, by }) =>
      engine.allowAlert(params['id'] ?? '', present(scope), because(by, why)),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/:id/reject',
    role: 'reviewer',
    subject: 'alert',
    summary: 'rejects the behaviour of the alert: it stays a deviation',
    body: whyBody,
    answer: alert,
    handle: ({ engine }, { params, body, by }) =>
      engine.rejectAlert(params['id'] ?? '', because(by, body.reason)),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/:id/ack',
    role: 'reviewer',
    subject: 'alert',
    summary: 'acknowledges the alert, with a reason',
    body: z.strictObject({ reason }),
    answer: alert,
    handle: ({ engine }, { params, body, by }) =>
      engine.ackAlert(params['id'] ?? '', body.reason, because(by, body.reason)),
  }),
  route({
    method: 'POST',
    path: '/v1/alerts/:id/withdraw',
    role: 'reviewer',
    subject: 'alert',
    summary: 'undoes the decision on the alert and its effect on behaviours',
    body: whyBody,
    answer: alert,
    handle: ({ engine }, { params, body, by }) =>
      engine.withdrawAlert(params['id'] ?? '', because(by, body.reason)),
  }),
  route({
    method: 'GET',
    path: '/v1/audit',
    role: 'viewer',
    summary: 'lists audit entries: who decided what, when and why; newest first',
    query: z.strictObject({ limit: limit.default(100), cursor: cursor.optional() }),
    answer: z.array(auditView),
    handle: async ({ engine }, { query: { cursor: before, limit: some } }) => {
      const records = await engine.audit(some + 1, numberOf(before))
      return pageOf(records, some, ({ seq }) => String(seq))
    },
  }),
  route({
    method: 'POST',
    path: '/v1/audit/:seq/undo',
    role: 'reviewer',
    summary:
      'undoes the decision with this audit number, unless a later decision replaced it or depends on it',
    body: whyBody,
    answer: undoResult,
    handle: ({ engine }, { params, body, by }) =>
      engine.undo(auditNumber(params['seq']), because(by, body.reason)),
  }),
  route({
    method: 'GET',
    path: '/v1/audit/verify',
    role: 'viewer',
    summary: 'verifies the hash chain of all audit entries',
    answer: auditCheckView,
    handle: ({ engine }) => engine.verifyAudit(),
  }),
]

/** Errors: BODY_INVALID. */
function auditNumber(text = ''): number {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new SnugError('BODY_INVALID', `\`${text}\` is not the number of an entry`)
}
