import { lineageName } from '../../core/event/image-key.ts'
import { SnugError } from '../../errors.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Decider } from '../../api/engine.ts'
import type { AuditView, UndoResult } from '../../api/review-views.ts'
import { revisionOf } from '../reading/live/revision.ts'
import { decideCard } from './card-decision.ts'
import type { ReviewService } from './review-service.ts'

/**
 * Undoes the decision with this audit number, unless a later decision replaced it or depends on it.
 *
 * Errors: UNDO_REFUSED with the reason.
 */
export async function undo(
  context: AgentState,
  reviews: ReviewService,
  seq: number,
  by: Decider,
): Promise<UndoResult> {
  const [entry] = await context.journal.trail.list(1, seq + 1)
  if (entry?.seq !== seq) throw refused(seq, 'the audit log has no such entry')
  const decision = { ...by, reason: by.reason ?? `undoes entry ${seq}` }
  const { what, alert } = entry
  if (typeof alert === 'string' && ['allow', 'reject', 'ack'].includes(what)) {
    mustStand(entry, context.alerts.get(alert).decision)
    await reviews.withdrawAlert(alert, decision)
    return { undone: seq, what, alert, behaviours: [] }
  }
  if (what === 'incident-close') {
    const alerts = reopenAlerts(context, entry)
    if (alerts.length === 0) throw refused(seq, 'a later decision replaced it')
    const { incident } = entry
    const { reason } = decision
    context.journal.audit('incident-reopen', by.who, { incident, alerts, reason })
    await context.journal.decided()
    return { undone: seq, what, incident: String(incident), behaviours: [] }
  }
  const behaviours = behavioursOf(entry)
  if (behaviours.length === 0 || !['approve', 'reject'].includes(what)) {
    throw refused(seq, `\`${what}\` cannot be undone: make a new decision`)
  }
  mustNotHaveMoved(entry)
  const places = placesOf(context, entry)
  for (const { version, behaviours: some } of places) {
    mustNotBeInherited(context, version, entry)
    for (const id of some) mustStand(entry, version.profile.entry(id)?.decision)
  }
  const withdrawn = places.map(({ version, behaviours: some }) => ({
    ref: version.key,
    revision: revisionOf([version]),
    behaviours: some,
  }))
  reopenAlerts(context, entry)
  await decideCard(context, { decision: 'withdraw', places: withdrawn }, decision)
  return { undone: seq, what, image: String(entry['image']), behaviours }
}

/** Those that the decision closed, unless somebody decided on them since or they were removed. */
function reopenAlerts(
  context: AgentState,
  { who, time, alerts: ids }: AuditView,
): readonly string[] {
  const closed = new Set<unknown>(Array.isArray(ids) ? ids : [])
  const reopened: string[] = []
  const { alerts } = context
  const nowMs = context.now()
  for (const { id, decision } of alerts.newestFirst) {
    if (!closed.has(id) || decision?.kind !== 'acknowledged') continue
    if (decision.by !== who || decision.at > time) continue
    alerts.reopen(id, nowMs)
    reopened.push(id)
  }
  return reopened
}

interface PlacedChange {
  readonly behaviour: BehaviourId
  readonly image?: string
}

interface DecisionAuthor {
  readonly kind: string
  readonly by: string
  readonly at: string
}

/** A later decision has a later time than the entry; an earlier one was replaced by it. */
function mustStand({ seq, who, time }: AuditView, decision: DecisionAuthor | undefined): void {
  const stands = decision?.kind !== 'withdrawn' && decision?.by === who && decision.at <= time
  if (!stands) throw refused(seq, 'a later decision replaced it')
}

function mustNotHaveMoved({ seq, before, after }: AuditView): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return
  throw refused(
    seq,
    'it also changed the state of the version: withdraw single behaviours, or set the mode',
  )
}

/** A later version inherited the decision, and would keep it. */
function mustNotBeInherited(
  context: AgentState,
  version: DeployedVersion,
  { seq, time }: AuditView,
): void {
  const { digest } = version.image
  const lineage = lineageName(version.image)
  for (const other of context.registry.index) {
    const isSuccessor = other.life.predecessor === digest && lineageName(other.image) === lineage
    if (!isSuccessor || other.firstSeen <= time) continue
    throw refused(
      seq,
      `the later version \`${other.image.digest}\` inherited the decision: decide there too`,
    )
  }
}

function behavioursOf({ changes }: AuditView): readonly BehaviourId[] {
  if (!Array.isArray(changes)) return []
  const ids = (changes as readonly PlacedChange[]).map(({ behaviour }) => behaviour)
  return [...new Set(ids)]
}

/** The changes of a decision on several versions name the version of each. */
function placesOf(
  { registry }: AgentState,
  { changes, image }: AuditView,
): readonly { readonly version: DeployedVersion; readonly behaviours: readonly BehaviourId[] }[] {
  const byImage = new Map<string, BehaviourId[]>()
  for (const change of changes as readonly PlacedChange[]) {
    const key = change.image ?? String(image)
    const known = byImage.get(key)
    if (known === undefined) byImage.set(key, [change.behaviour])
    else known.push(change.behaviour)
  }
  return [...byImage].map(([key, behaviours]) => ({
    version: registry.index.findOne(key),
    behaviours,
  }))
}

function refused(seq: number, why: string): SnugError {
  return new SnugError('UNDO_REFUSED', `entry ${seq}: ${why}`)
}
