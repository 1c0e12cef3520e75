import type { BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import type { ActEvent, ExecEvent } from '../../../core/event/event.ts'
import { gravestFirst, type Guardrails } from '../../../core/match/guardrail.ts'
import { judge, type JudgeOptions } from '../../../core/match/judge.ts'
import type { Verdict } from '../../../core/match/verdict.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { Judged } from './findings.ts'

type JudgedWith = Pick<DeployedVersion, 'life' | 'observed'> & {
  readonly version: DeployedVersion
  readonly options: JudgeOptions
}

/** The verdict on an event: by the profile of its version, in the state of that version. */
export class Verdicts {
  readonly #guardrails: Guardrails
  #last: JudgedWith | undefined

  constructor(guardrails: Guardrails) {
    this.#guardrails = guardrails
  }

  /** Without reasons: most deviations join an existing alert, which needs no further ones. */
  of(version: DeployedVersion, event: ActEvent, refs: readonly BehaviourRef[]): Verdict {
    return judge(version.profile, event, refs, this.#optionsFor(version))
  }

  /** Guardrails apply without a profile too. */
  withoutProfile(event: ActEvent, refs: readonly BehaviourRef[]): Verdict {
    return judge(undefined, event, refs, { guardrails: this.#guardrails })
  }

  /** By the content of what was executed alone: of the event itself there is a verdict. */
  byHash(event: ExecEvent, refs: readonly BehaviourRef[]): Verdict | undefined {
    const fired = refs.flatMap((ref) => this.#guardrails.firedByHash(ref, event))
    const guardrails = gravestFirst(new Set(fired))
    const [gravest] = guardrails
    if (gravest === undefined) return undefined
    return {
      outcome: 'deviation',
      reasons: guardrails.map(({ title, why }) => `${title}: ${why}`),
      nearest: null,
      unexpected: refs,
      guardrails,
      severity: gravest.severity,
      confidence: 'full',
    }
  }

  /** Judged again with reasons: they are computed only for alerts. */
  explained(judged: Judged): Judged {
    const { event, refs, version, verdict } = judged
    if (version === undefined) return judged
    const { life } = version
    const explain = life.state !== 'learning' || life.predecessor !== undefined
    const options = { ...this.#optionsFor(version), explain }
    const { confidence } = verdict
    return { ...judged, verdict: { ...judge(version.profile, event, refs, options), confidence } }
  }

  /** Returns the same object until the version changes, because every event needs it. */
  #optionsFor(version: DeployedVersion): JudgeOptions {
    const { life, observed, observedBefore } = version
    const last = this.#last
    const isSame = last?.version === version && last.life === life
    if (isSame && last.observed === observed) return last.options
    const learning = life.state === 'learning'
    const options: JudgeOptions = {
      guardrails: this.#guardrails,
      // An inherited profile was learned, so all guardrails apply to behaviour beyond it.
      learning: learning && !version.inherited,
      explain: false,
      ...(life.holes === undefined ? {} : { incomplete: life.holes }),
      // While a version learns, the profile of its predecessor judges it, for the kinds observed
      // there; or that of its vendor, for the kinds that it has.
      ...(learning && !hasPrior(version) ? {} : { observed: learning ? observedBefore : observed }),
    }
    this.#last = { version, life, observed, options }
    return options
  }
}

/** A profile judges it while it learns: its predecessor's, or one that was shipped. */
export function hasPrior({ life, inherited }: DeployedVersion): boolean {
  return life.predecessor !== undefined || inherited
}
