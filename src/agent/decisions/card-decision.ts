import { isSameImage, unscoped } from '../../core/event/image-key.ts'
import { SnugError } from '../../errors.ts'
import { finish, type Steps } from '../../core/steps.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { PreparedDecision } from '../../core/profile/entry-decisions.ts'
import type { AgentState } from '../records/agent-state.ts'
import { decisionOf } from '../pipeline/judge/profile-decisions.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Decider } from '../../api/engine.ts'
import type { CardDecision, CardDecisionResult, DecidedPlace } from '../../api/review-views.ts'
import { revisionOf } from '../reading/live/revision.ts'
import { changesBy, changesIn, commitDecisionOnAll } from './commit-decision.ts'
import { type DecidedPart, isLarge, prepareCard } from './prepare-decision.ts'
import { behaviourOf } from './review-service.ts'
import { sharersOf } from './shared-alert.ts'

/**
 * Decides on exactly the behaviours that a reader saw: one that arrived after stays in review. Nothing is decided where
 * one of the versions has changed since, so that no decision is half made.
 *
 * Errors: REVISION_STALE; IMAGE_UNKNOWN, BEHAVIOUR_UNKNOWN; DECISION_INVALID where a guardrail fired on one of them and
 * the decision does not include such behaviours.
 */
export async function decideCard(
  context: AgentState,
  { decision, places, quarantined = false, until, dryRun = false }: CardDecision,
  by: Decider,
): Promise<CardDecisionResult> {
  if (until !== undefined && decision !== 'approve') {
    throw new SnugError('DECISION_INVALID', 'only an approval can end by itself')
  }
  const parts = partsOf(context, places, decision)
  const mayHold = decision !== 'approve' || quarantined
  if (!mayHold) mustNotBeHeld(parts)
  if (dryRun) return { decided: parts.map(placeOf) }
  // A decision that is withdrawn answers none.
  const asked = answeredAlerts(context, decision === 'withdraw' ? [] : parts)
  const { prepared, answered } = isLarge(parts)
    ? await prepareCard(context, parts, asked)
    : { prepared: [], answered: finish(asked) }
  // A guardrail may have fired meanwhile.
  if (!mayHold) mustNotBeHeld(parts)
  const bounds = until === undefined ? {} : { until }
  const word = { ...decisionOf(by, context.now()), ...bounds }
  const changes = parts.flatMap((part, i) => {
    const { version, ids } = part
    const { seen, texts } = prepared[i] ?? {}
    const changed = changesBy(version, ids, () => apply(part, decision, word, seen), texts)
    return parts.length === 1 ? changed : changesIn(version, changed)
  })
  const alerts = decision === 'withdraw' ? [] : closeAlerts(context, answered, decision, word)
  const fields = {
    changes,
    ...(alerts.length === 0 ? {} : { alerts }),
    ...(decision === 'approve' ? { quarantined, ...bounds } : {}),
  }
  await commitDecisionOnAll(
    context,
    parts.map(({ version }) => version),
    { what: decision, by, fields, expects: true },
  )
  return { decided: parts.map(placeOf) }
}

function apply(
  { version: { profile }, ids }: DecidedPart,
  decision: CardDecision['decision'],
  word: ReturnType<typeof decisionOf>,
  seen: PreparedDecision | undefined,
): void {
  const { kind: _, ...author } = word
  const kind = decision === 'approve' ? 'approved' : 'rejected'
  if (decision === 'withdraw') profile.withdrawAll(ids, author)
  else profile.decideAll(ids, { ...word, kind }, seen)
}

const decidedInReview = { approve: 'approved in review', reject: 'rejected in review' } as const

/**
 * The open alerts about these behaviours that no other behaviour still waits behind: once they are decided on, what the
 * alerts ask is answered. The decision is in the profile, so that later names of the cause are decided on by themselves.
 */
function* answeredAlerts(
  { alerts, registry }: AgentState,
  parts: readonly DecidedPart[],
): Steps<readonly string[]> {
  const open = alerts.newestFirst.filter(({ decision }) => decision === undefined)
  const answered: string[] = []
  for (const { version, ids } of parts) {
    const decided = new Set<string>(ids)
    const image = unscoped(version.image)
    for (const alert of open) {
      yield
      if (alert.image === undefined || !isSameImage(alert.image, image)) continue
      const shown = [alert.behaviourId ?? [], alert.sampleIds].flat()
      if (!shown.some((id) => decided.has(id))) continue
      // A container of another scope has a profile of its own.
      const present = registry.versionOfContainer(alert.containerId ?? '')
      if (present !== undefined && present !== version) continue
      const others = [
        ...(yield* sharersOf(version, alert.whole, open)),
        ...shown.filter((id) => waits(version, id)),
      ]
      if (others.every((id) => decided.has(id))) answered.push(alert.id)
    }
  }
  return answered
}

/** Acknowledges those that are still open. */
function closeAlerts(
  { alerts }: AgentState,
  answered: readonly string[],
  decision: keyof typeof decidedInReview,
  { by, at, reason }: ReturnType<typeof decisionOf>,
): readonly string[] {
  const open = answered.filter((id) => alerts.has(id) && alerts.get(id).decision === undefined)
  const why = reason ?? decidedInReview[decision]
  for (const id of open) alerts.decide(id, { kind: 'acknowledged', by, at, reason: why })
  return open
}

function waits({ profile }: DeployedVersion, id: string): boolean {
  const state = profile.state(id as BehaviourId)
  return state === 'pending' || state === 'quarantined'
}

function partsOf(
  { registry }: AgentState,
  places: readonly DecidedPlace[],
  decision: CardDecision['decision'],
): readonly DecidedPart[] {
  const byVersion = new Map<DeployedVersion, Set<BehaviourId>>()
  for (const { ref, revision, behaviours } of places) {
    const version = registry.index.findOne(ref)
    if (revisionOf([version]) !== revision) {
      throw new SnugError('REVISION_STALE', `\`${ref}\` changed after you read it`)
    }
    const ids = byVersion.get(version) ?? new Set()
    byVersion.set(version, ids)
    for (const id of behaviours) ids.add(behaviourOf(version, id))
    // A place that is rejected no longer covers its names: each would be expected by itself.
    if (decision === 'reject') for (const id of namesIn(version, ids)) ids.add(id)
  }
  return [...byVersion].map(([version, ids]) => ({ version, ids: [...ids] }))
}

function namesIn({ profile }: DeployedVersion, ids: ReadonlySet<BehaviourId>): BehaviourId[] {
  return [...profile.outline()]
    .filter(({ within }) => within !== undefined && ids.has(within))
    .map(({ id }) => id)
}

function mustNotBeHeld(parts: readonly DecidedPart[]): void {
  const held = parts.flatMap(({ version: { profile }, ids }) =>
    ids.filter((id) => profile.state(id) === 'quarantined'),
  )
  if (held.length === 0) return
  const which = held
    .slice(0, 3)
    .map((id) => `\`${id}\``)
    .join(', ')
  const more = held.length > 3 ? ` and ${held.length - 3} more` : ''
  const advice = 'a guardrail fired on this behaviour: approve it as quarantined, or reject it'
  throw new SnugError('DECISION_INVALID', `${which}${more}: ${advice}`)
}

function placeOf({ version, ids }: DecidedPart): DecidedPlace {
  return { ref: version.key, revision: revisionOf([version]), behaviours: ids }
}
