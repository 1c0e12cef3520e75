import { isSameImage, unscoped } from '../../core/event/image-key.ts'
import { SnugError } from '../../errors.ts'
import type { Alert, AlertDecision } from '../../core/event/alert.ts'
import type { ActEvent } from '../../core/event/event.ts'
import { isoOf } from '../../core/event/time.ts'
import type { Forgetting } from '../../core/profile/forgetting.ts'
import type { PreparedDecision } from '../../core/profile/entry-decisions.ts'
import { Profile } from '../../core/profile/profile.ts'
import { approveVersion } from '../../core/lifecycle/version.ts'
import { finish, type Steps } from '../../core/steps.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { Agent } from '../engine/agent.ts'
import {
  allowBlock,
  allowEvent,
  decisionOf,
  rejectEvent,
  recordModeDecision,
  workloadOf,
} from '../pipeline/judge/profile-decisions.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { ApproveOptions, Decider } from '../../api/engine.ts'
import type { AllowScope, DecisionResult } from '../../api/profile-views.ts'
import type { ForgetChoice, ForgetResult, IncidentResult } from '../../api/review-views.ts'
import type { VersionView } from '../../api/version-views.ts'
import { versionView } from '../reading/views.ts'
import {
  type Change,
  changesBy,
  changesIn,
  commitDecision,
  commitDecisionOnAll,
  enforcementSnapshot,
} from './commit-decision.ts'
import { isLarge, prepareDecision } from './prepare-decision.ts'
import { sharersOf } from './shared-alert.ts'
import { forgettingOf, sessionNamed, unlearn, forgottenRow } from './unlearn.ts'

interface Asked {
  readonly ref: string
  readonly behaviours: readonly string[]
  readonly by: Decider
  readonly dryRun: boolean
  /** Of the audit entry. */
  readonly what: 'reject' | 'withdraw'
}

/** A person's decisions on behaviours and alerts: each is recorded with its effect. */
export class ReviewService {
  readonly #context: Agent

  constructor(context: Agent) {
    this.#context = context
  }

  async approve(
    ref: string,
    behaviours: readonly string[] | undefined,
    by: Decider,
    { quarantined = false, until, allScopes = false, dryRun = false }: ApproveOptions = {},
  ): Promise<DecisionResult> {
    const { registry } = this.#context
    const version = registry.index.findOne(ref)
    const states = quarantined ? ['pending', 'quarantined'] : ['pending']
    const ids = behaviours?.map((id) => behaviourOf(version, id)) ?? idsIn(version, new Set(states))
    if (!quarantined) mustNotBeHeld(version, ids)
    const from = enforcementSnapshot(version)
    if (until !== undefined && behaviours === undefined) {
      throw new SnugError(
        'DECISION_INVALID',
        'an approval for a limited time must name its behaviours',
      )
    }
    if (allScopes && behaviours === undefined) {
      throw new SnugError('DECISION_INVALID', 'an approval for all scopes must name its behaviours')
    }
    if (dryRun) return this.#result(version, ids)
    const part = { version, ids }
    const [prepared] = isLarge([part]) ? await prepareDecision(this.#context, [part]) : []
    // A guardrail may have fired meanwhile.
    if (prepared !== undefined && !quarantined) mustNotBeHeld(version, ids)
    const bounds = until === undefined ? {} : { until }
    const decision = { ...decisionOf(by, this.#context.now()), ...bounds }
    const decide = (): unknown => version.profile.decideAll(ids, decision, prepared?.seen)
    const changes = changesBy(version, ids, decide, prepared?.texts)
    const others = allScopes ? registry.index.otherScopes(version) : []
    const elsewhere = others.flatMap((other) => extend(version, ids, other))
    let hasMoved = false
    if (behaviours === undefined) {
      const step = approveVersion(version.life, this.#context.now(), by.who)
      registry.lifecycle.apply(version, step)
      // The ImageProfile asks each node for it by itself.
      hasMoved = step.transitions.length > 0
      if (hasMoved && by.at === undefined)
        recordModeDecision(version, { mode: 'alert' }, by, this.#context.now())
    }
    // Nothing waited: nothing was decided.
    if (ids.length === 0 && !hasMoved) return this.#result(version, ids)
    const fields = {
      changes: others.length === 0 ? changes : [...changesIn(version, changes), ...elsewhere],
      quarantined,
      ...bounds,
      before: from,
      after: enforcementSnapshot(version),
    }
    const what = { what: 'approve', by, fields, expects: true }
    await commitDecisionOnAll(this.#context, [version, ...others], what)
    return this.#result(version, ids)
  }

  reject(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun = false,
  ): Promise<DecisionResult> {
    return this.#decide(
      { ref, behaviours, by, dryRun, what: 'reject' },
      ({ profile }, ids, seen) => {
        profile.decideAll(ids, { ...decisionOf(by, this.#context.now()), kind: 'rejected' }, seen)
      },
    )
  }

  withdraw(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun = false,
  ): Promise<DecisionResult> {
    return this.#decide({ ref, behaviours, by, dryRun, what: 'withdraw' }, ({ profile }, ids) => {
      const { kind: _, ...author } = decisionOf(by, this.#context.now())
      profile.withdrawAll(ids, author)
    })
  }

  async #decide(
    asked: Asked,
    apply: (version: DeployedVersion, ids: readonly BehaviourId[], seen?: PreparedDecision) => void,
  ): Promise<DecisionResult> {
    const version = this.#context.registry.index.findOne(asked.ref)
    const ids = asked.behaviours.map((id) => behaviourOf(version, id))
    if (asked.dryRun) return this.#result(version, ids)
    const part = { version, ids }
    const [prepared] = isLarge([part]) ? await prepareDecision(this.#context, [part]) : []
    const decide = (): void => apply(version, ids, prepared?.seen)
    const fields = { changes: changesBy(version, ids, decide, prepared?.texts) }
    const { what, by } = asked
    await commitDecision(this.#context, version, { what, by, fields, expects: true })
    return this.#result(version, ids)
  }

  async forget(
    ref: string,
    choice: ForgetChoice,
    by: Decider,
    dryRun = false,
  ): Promise<ForgetResult> {
    const version = this.#context.registry.index.findOne(ref)
    const what = forgettingOf(version, choice)
    if (dryRun) return { ...this.#preview(version, what), version: this.#view(version) }
    const forgotten = unlearn(version, what, this.#context.now())
    const result = forgetResult(forgotten)
    const fields = {
      forgotten: forgottenFields(what),
      ...result,
      gone: result.gone.map(({ id }) => id),
    }
    await commitDecision(this.#context, version, { what: 'forget', by, fields, expects: true })
    return { ...result, version: this.#view(version) }
  }

  /** Removes the evidence of the session, and rejects behaviours that only it showed. */
  async incident(
    ref: string,
    session: string,
    by: Decider,
    dryRun = false,
  ): Promise<IncidentResult> {
    if (by.reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
    const version = this.#context.registry.index.findOne(ref)
    const what = { kind: 'session', session: sessionNamed(version, session) } as const
    if (dryRun) {
      const preview = this.#preview(version, what)
      const alerts = this.#openAlertsOf(version, what.session)
      const view = this.#view(version)
      return { ...preview, gone: [], rejected: preview.gone, alerts, version: view }
    }
    const nowMs = this.#context.now()
    const forgotten = unlearn(version, what, nowMs)
    const decision = { ...decisionOf(by, nowMs), kind: 'rejected', grants: [] } as const
    version.profile.merge(forgotten.gone.map((entry) => ({ ...entry, cells: [], decision })))
    const alerts = this.#rejectAlertsOf(version, what.session, by)
    const result = forgetResult(forgotten)
    const rejected = result.gone
    const fields = {
      ...forgottenFields(what),
      acts: result.acts,
      rejected: rejected.map(({ id }) => id),
      alerts,
    }
    await commitDecision(this.#context, version, { what: 'incident', by, fields, expects: true })
    return { ...result, gone: [], rejected, alerts, version: this.#view(version) }
  }

  async allowAlert(id: string, scope: AllowScope, by: Decider): Promise<Alert> {
    const { alerts } = this.#context
    const { peer, workload, ...bounds } = scope
    const sharers = peer === undefined ? await this.#sharers(id, 'allowed') : []
    const { event, version } = this.#actOf(id, 'allowed')
    const { uid } = event.process
    if (scope.onlyUid !== undefined && scope.onlyUid !== uid) {
      const allows = `an approval for uid ${scope.onlyUid} does not cover it`
      throw new SnugError('DECISION_INVALID', `the event is of uid ${uid}: ${allows}`)
    }
    const place = workload === true ? { onlyWorkload: workloadOf(event) } : {}
    if (workload === true && version.life.mode === 'block') {
      const why = 'the kernel blocks by version and cannot enforce one workload separately'
      throw new SnugError(
        'DECISION_INVALID',
        `${why}: allow it for the whole version, or set mode alert`,
      )
    }
    const decision = { ...decisionOf(by, this.#context.now()), ...bounds, ...place }
    version.profile.decideAll(sharers, decision)
    const own =
      peer === undefined
        ? allowEvent(version, event, decision)
        : [allowBlock(version, event, peer, decision)]
    const behaviours = [...new Set([...own, ...sharers])]
    const { at } = decision
    const answer = alerts.decide(
      id,
      this.#alertDecision('allowed', by, { at, ...bounds, ...place }),
    )
    const states = behaviours.map((each) => version.profile.state(each))
    const fields = { alert: id, behaviours, after: states, ...scope, ...place }
    await commitDecision(this.#context, version, { what: 'allow', by, fields, expects: true })
    return answer
  }

  /** The behaviour stays a deviation, even if it is observed during later learning. */
  async rejectAlert(id: string, by: Decider): Promise<Alert> {
    const sharers = await this.#sharers(id, 'rejected')
    const { event, version } = this.#actOf(id, 'rejected')
    const decision = { ...decisionOf(by, this.#context.now()), kind: 'rejected' } as const
    version.profile.decideAll(sharers, decision)
    const behaviours = [...new Set([...rejectEvent(version, event, decision), ...sharers])]
    const { at } = decision
    const answer = this.#context.alerts.decide(id, this.#alertDecision('rejected', by, { at }))
    const fields = { alert: id, behaviours }
    await commitDecision(this.#context, version, { what: 'reject', by, fields, expects: true })
    return answer
  }

  async withdrawAlert(id: string, by: Decider): Promise<Alert> {
    const { alerts, registry } = this.#context
    const { decision, image } = alerts.get(id)
    if (decision === undefined) {
      throw new SnugError('DECISION_INVALID', 'the alert is still open: no decision to undo')
    }
    const answer = alerts.reopen(id, this.#context.now())
    const version = image === undefined ? undefined : registry.index.ofImage(image)
    if (version === undefined || decision.kind === 'acknowledged') {
      this.#context.journal.audit('withdraw', by.who, { alert: id })
      await this.#context.journal.decided()
      return answer
    }
    const behaviours = decidedWith(version, decision)
    const { kind: _, ...author } = decisionOf(by, this.#context.now())
    version.profile.withdrawAll(behaviours, author)
    const fields = { alert: id, behaviours }
    await commitDecision(this.#context, version, { what: 'withdraw', by, fields, expects: true })
    return answer
  }

  /** The behaviours that share the alert, which one decision is about. */
  #sharers(id: string, done: string): Promise<readonly BehaviourId[]> {
    const { alerts, slices } = this.#context
    const { version } = this.#actOf(id, done)
    return slices.run('decision', sharersOf(version, alerts.get(id), alerts.newestFirst))
  }

  #actOf(id: string, done: string): { event: ActEvent; version: DeployedVersion } {
    const { alerts, registry } = this.#context
    const { event, summary } = alerts.get(id)
    if (summary !== undefined) {
      const why = `the alert summarises other alerts: decide on each of them, such as \`${summary.first[0]}\``
      throw new SnugError('DECISION_INVALID', why)
    }
    if (event.kind === 'loss') {
      throw new SnugError('DECISION_INVALID', `a loss cannot be ${done}: acknowledge it`)
    }
    if (event.image === undefined) {
      throw new SnugError('DECISION_INVALID', 'the image of the container is unknown')
    }
    // An alert from before profiles had a scope is about the version that its container is in now.
    const present = registry.versionOfContainer(event.container.id)
    const isSplit = present !== undefined && isSameImage(unscoped(present.image), event.image)
    const version = isSplit ? present : registry.index.ofImage(event.image)
    if (version === undefined) {
      const why = 'the version of the alert was removed'
      throw new SnugError('DECISION_INVALID', `${why}: acknowledge the alert`)
    }
    return { event, version }
  }

  /** The evidence that `unlearn` would remove, tried on a copy of the profile. */
  #preview({ profile }: DeployedVersion, what: Forgetting): Omit<ForgetResult, 'version'> {
    const copy = Profile.load(profile.entries(), profile.shaper)
    return forgetResult(copy.forget(what, this.#context.now() * 1_000))
  }

  #openAlertsOf(version: DeployedVersion, session: string): readonly string[] {
    return this.#context.alerts.newestFirst
      .filter(({ decision, image }) => decision === undefined && isSameImage(image, version.image))
      .filter(({ process }) => process?.session === session)
      .map(({ id }) => id)
  }

  #rejectAlertsOf(version: DeployedVersion, session: string, by: Decider): readonly string[] {
    const ids = this.#openAlertsOf(version, session)
    for (const id of ids) this.#context.alerts.decide(id, this.#alertDecision('rejected', by))
    return ids
  }

  #alertDecision(
    kind: AlertDecision['kind'],
    by: Decider,
    bounds: Partial<AlertDecision> = {},
  ): AlertDecision {
    const at = new Date(this.#context.now()).toISOString()
    const reason = by.reason === undefined ? {} : { reason: by.reason }
    return { kind, by: by.who, at, ...reason, ...bounds }
  }

  #view(version: DeployedVersion): VersionView {
    return finish(this.#viewSteps(version))
  }

  #viewSteps(version: DeployedVersion): Steps<VersionView> {
    const { registry, kernel } = this.#context
    return versionView(version, registry, kernel.profiles, this.#context.now())
  }

  #result(version: DeployedVersion, ids: readonly BehaviourId[]): Promise<DecisionResult> {
    return this.#context.slices.run('decided', this.#resultSteps(version, ids))
  }

  *#resultSteps(version: DeployedVersion, ids: readonly BehaviourId[]): Steps<DecisionResult> {
    const { states } = yield* version.profile.tally()
    const view = yield* this.#viewSteps(version)
    return { decided: ids, quarantined: states.quarantined, version: view }
  }
}

/** A person's approvals in one version, also in one of another scope that may not have shown the behaviours. */
function extend(
  { profile }: DeployedVersion,
  ids: readonly BehaviourId[],
  other: DeployedVersion,
): readonly Change[] {
  const entries = ids.flatMap((id) => {
    const entry = profile.entry(id)
    if (entry?.decision === undefined) return []
    const { schema, actor, uid, object, decision } = entry
    return [{ schema, id, actor, uid, object, cells: [], decision }]
  })
  return changesIn(
    other,
    changesBy(other, ids, () => other.profile.merge(entries)),
  )
}

/**
 * The behaviour that an id, or the beginning of one, names.
 *
 * Errors: BEHAVIOUR_UNKNOWN, also where several begin so.
 */
export function behaviourOf({ profile, image }: DeployedVersion, id: string): BehaviourId {
  if (profile.has(id as BehaviourId)) return id as BehaviourId
  const [found, ...others] = profile.startingWith(id)
  if (found === undefined) {
    throw new SnugError('BEHAVIOUR_UNKNOWN', `\`${image.repository}\` has no behaviour \`${id}\``)
  }
  if (others.length > 0) {
    throw new SnugError('BEHAVIOUR_UNKNOWN', `several behaviours begin with \`${id}\``)
  }
  return found
}

/** Behaviours that were decided on with an alert: by the same person at the same instant. */
function decidedWith({ profile }: DeployedVersion, { by, at }: AlertDecision): BehaviourId[] {
  return [...profile.outline()]
    .filter(({ isDecided, decision }) => isDecided && decision?.by === by && decision.at === at)
    .map(({ id }) => id)
}

function idsIn({ profile }: DeployedVersion, states: ReadonlySet<string>): readonly BehaviourId[] {
  return profile
    .page()
    .filter(({ state }) => states.has(state))
    .map(({ id }) => id)
}

function mustNotBeHeld({ profile }: DeployedVersion, ids: readonly BehaviourId[]): void {
  const held = ids.filter((id) => profile.state(id) === 'quarantined')
  if (held.length === 0) return
  const which = held.map((id) => `\`${id}\``).join(', ')
  const advice =
    'a guardrail fired on this behaviour: approve it with `--quarantined`, or reject it'
  throw new SnugError('DECISION_INVALID', `${which}: ${advice}`)
}

function forgottenFields(what: ReturnType<typeof forgettingOf>): Readonly<Record<string, unknown>> {
  if (what.kind !== 'time') return what
  return { kind: what.kind, from: isoOf(what.from), to: isoOf(what.to) }
}

function forgetResult({ gone, lessened, acts, span }: ReturnType<typeof unlearn>) {
  return {
    gone: gone.map(forgottenRow),
    lessened,
    acts,
    ...(span === undefined ? {} : { from: isoOf(span.from), to: isoOf(span.to) }),
  }
}
