import { blindText } from '../../core/sight/blindness.ts'
import { breakGlass, endBreakGlass } from '../../core/lifecycle/blocking.ts'
import {
  endLearning,
  type LearnRules,
  setMode,
  type Step,
  type WindowEvidence,
} from '../../core/lifecycle/version.ts'
import { SnugError } from '../../errors.ts'
import { recordModeDecision } from '../pipeline/judge/profile-decisions.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { CanaryChoice, Decider } from '../../api/engine.ts'
import type { Mode } from '../../core/lifecycle/mode.ts'
import type { Agent } from '../engine/agent.ts'
import { commitDecision, enforcementSnapshot } from './commit-decision.ts'
import { prepareEnd } from './prepare-decision.ts'

/** A person's decisions on what a version does about deviations: each is recorded with its effect. */
export class ModeService {
  readonly #context: Agent

  constructor(context: Agent) {
    this.#context = context
  }

  async set(
    ref: string,
    mode: Mode,
    by: Decider,
    canary: CanaryChoice = {},
  ): Promise<DeployedVersion> {
    const { registry, kernel } = this.#context
    if (mode === 'block') {
      const version = registry.index.findOne(ref)
      const { floorMs } = registry.lifecycle.rules
      const isNew = version.life.mode !== 'block'
      const blind = isNew ? version.blindSince(this.#context.now() - floorMs) : undefined
      if (blind !== undefined)
        throw new SnugError('MODE_BLIND', `cannot block: ${blindText(blind)}`)
      const refusal =
        registry.lifecycle.rules.unblockable?.(version.image) ??
        (isNew ? version.unstoppable : undefined) ??
        kernel.refusal(version) ??
        boundRefusal(version)
      if (refusal !== undefined) throw new SnugError('MODE_REFUSED', `cannot block: ${refusal}`)
      // What starter profiles name, and the version did not show until now, leaves.
      if (isNew) await this.#context.caughtUp()
    }
    return this.#step(ref, by, 'mode', (version, evidence, rules, nowMs) => {
      const step = setMode(version.life, mode, evidence, rules, nowMs, by.who, canary)
      recordModeDecision(version, { mode, canary }, by, nowMs)
      return step
    })
  }

  async breakGlass(ref: string, forMs: number, by: Decider): Promise<readonly DeployedVersion[]> {
    const { reason } = by
    if (reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
    const order = { forMs, reason, who: by.who }
    return this.#glass(ref, by, 'break-glass', (version) => {
      const life = breakGlass(version.life, order, this.#context.now())
      this.#context.registry.lifecycle.apply(version, { version: life, transitions: [] })
      this.#context.enforcement.glassBroken(version)
    })
  }

  async endBreakGlass(ref: string, by: Decider): Promise<readonly DeployedVersion[]> {
    const isBroken = this.#context.registry.index
      .find(ref)
      .some(({ life }) => life.breakGlass !== undefined)
    if (!isBroken) throw new SnugError('MODE_REFUSED', `\`${ref}\` is not under break-glass`)
    return this.#glass(ref, by, 'break-glass-end', (version) => {
      const life = endBreakGlass(version.life, by.who)
      this.#context.registry.lifecycle.apply(version, { version: life, transitions: [] })
    })
  }

  /** In an emergency nobody looks up a digest: it applies to all blocking versions of IMAGE. */
  async #glass(
    ref: string,
    by: Decider,
    what: string,
    act: (version: DeployedVersion) => void,
  ): Promise<readonly DeployedVersion[]> {
    const blocking = this.#context.registry.index
      .find(ref)
      .filter(({ life }) => life.mode === 'block')
    if (blocking.length === 0) {
      throw new SnugError('MODE_REFUSED', `no version of \`${ref}\` blocks`)
    }
    for (const version of blocking) {
      const before = enforcementSnapshot(version)
      act(version)
      const { breakGlass: glass } = version.life
      const until = glass === undefined ? {} : { until: new Date(glass.until).toISOString() }
      const fields = { ...until, before, after: enforcementSnapshot(version) }
      await commitDecision(this.#context, version, { what, by, fields, expects: false })
    }
    return blocking
  }

  async endLearning(ref: string, by: Decider): Promise<DeployedVersion> {
    return this.#step(ref, by, 'end-learning', (version, evidence, rules, nowMs) =>
      endLearning(version.life, evidence, rules, nowMs, by.who),
    )
  }

  async #step(
    ref: string,
    by: Decider,
    what: string,
    move: (
      version: DeployedVersion,
      evidence: WindowEvidence,
      rules: LearnRules,
      nowMs: number,
    ) => Step,
  ): Promise<DeployedVersion> {
    const { registry, slices } = this.#context
    const version = registry.index.findOne(ref)
    await prepareEnd({ registry, slices, caughtUp: () => this.#context.caughtUp() }, version)
    const nowMs = this.#context.now()
    const before = enforcementSnapshot(version)
    const step = move(
      version,
      registry.lifecycle.evidence(version, nowMs),
      registry.lifecycle.rules,
      nowMs,
    )
    registry.lifecycle.apply(version, step)
    const { mode, blocking } = version.life
    const canary = blocking?.canary === undefined ? {} : { canary: blocking.canary }
    const fields = { mode, ...canary, before, after: enforcementSnapshot(version) }
    await commitDecision(this.#context, version, { what, by, fields, expects: false })
    return version
  }
}

/** The kernel ignores workloads: it would stop behaviour that is allowed for one workload only. */
function boundRefusal({ profile }: DeployedVersion): string | undefined {
  for (const { decision } of profile.all()) {
    if (decision?.kind !== 'approved' || decision.onlyWorkload === undefined) continue
    const only = `\`${decision.onlyWorkload}\``
    return `a behaviour is approved only for ${only}, and the kernel cannot enforce one workload separately`
  }
  return undefined
}
