import type { BehaviourKind } from '../../core/event/event-words.ts'
import { disarm } from '../../core/lifecycle/blocking.ts'
import type { Version } from '../../core/lifecycle/version.ts'
import type { AlertStore } from '../records/alerts/alert-store.ts'
import {
  brokenGlassFinding,
  disarmedFinding,
  failedProbeFinding,
  failedProfileFinding,
  gapFinding,
  type Teller,
} from '../pipeline/alerts/enforcement-findings.ts'
import type { SelfProbe } from '../pipeline/sources/source.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { Journal } from '../records/persistence/journal.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { enforcementGap } from '../records/versions/loss-ledger.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'
import { type EnforcementGap, lengthOf } from './enforcement-gaps.ts'

export interface EnforcementReportsOptions {
  readonly node: string
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly faults: Map<string, string>
  readonly journal: Journal
  readonly budget: number
  readonly log: Log
  readonly now: () => number
}

const probeFault = 'self-probe'
/** A gap that is longer is an alert. */
const alertGapMs = 100

/** Turns every report about blocking itself into alerts, audit entries, faults and counts. None is dropped. */
export class EnforcementReports {
  readonly #options: EnforcementReportsOptions
  /** Of all that were reported since the start. */
  readonly probes = { runs: 0, failures: 0 }
  lastProbe: SelfProbe | undefined

  constructor(options: EnforcementReportsOptions) {
    this.#options = options
  }

  /** The kernel stops these kinds no more: the version stays in mode block, and they only alert. */
  disarmed(scope: number, kinds: readonly BehaviourKind[]): void {
    const { registry, alerts, journal, budget, log, now } = this.#options
    const version = registry.index.ofKernelScope(scope)
    if (version === undefined) {
      log.error({ scope }, 'blocking disarmed itself for an unknown version')
      return
    }
    const life = disarm(version.life, { budget, kinds }, now())
    if (life === version.life) return
    registry.lifecycle.apply(version, { version: life, transitions: [] })
    alerts.raise(disarmedFinding(version.image, life.because, this.#teller), now())
    journal.audit('disarmed', 'kernel', { image: version.key, kinds, because: life.because })
    log.error({ image: version.key }, 'blocking disarmed itself')
  }

  /** The kernel has no profile of the version: its deviations raise alerts and go on. */
  profileFailed(version: DeployedVersion, why: string): void {
    const { alerts, journal, now } = this.#options
    const { mode } = version.life
    alerts.raise(failedProfileFinding(version.image, why, mode, this.#teller), now())
    journal.audit('profile-failed', 'kernel', { image: version.key, because: why })
  }

  probed(probe: SelfProbe): void {
    const { alerts, faults, log, now } = this.#options
    const { passed, missed, stopped, time } = probe
    const failed = !passed || missed.length > 0
    this.lastProbe = probe
    this.probes.runs += 1
    if (!failed) {
      if (faults.delete(probeFault))
        log.info({ time, stopped }, 'the self-test of blocking passes again')
      return
    }
    this.probes.failures += 1
    faults.set(probeFault, probeText(probe))
    alerts.raise(failedProbeFinding(passed, missed, this.#teller), now())
    log.error({ time, passed, missed }, 'the self-test of blocking failed: do not rely on blocking')
  }

  /** A container acted before it was assigned. */
  gap(gap: EnforcementGap): void {
    const { registry, alerts, log, node, now } = this.#options
    const { image, container, fromMs, toMs } = gap
    const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()]
    registry.addLoss({
      v: 1,
      kind: 'loss',
      time: to,
      node,
      source: 'agent',
      image,
      container: { id: container },
      loss: { reason: enforcementGap, count: 0, from, to },
    })
    if (lengthOf(gap) <= alertGapMs) return
    alerts.raise(gapFinding(image, container, gap, this.#teller), now())
    log.warn({ container, from, to }, 'a container ran before the kernel could block it')
  }

  glassBroken(version: DeployedVersion): void {
    const { breakGlass, because } = version.life
    if (breakGlass === undefined) return
    const { alerts, now } = this.#options
    const finding = brokenGlassFinding(version.image, because, breakGlass.until, this.#teller)
    alerts.raise(finding, now())
  }

  /** Automatic endings are recorded here too; a person's action is audited where it is performed. */
  moved(version: DeployedVersion, before: Version): void {
    const { life, key } = version
    const { journal, log, now } = this.#options
    const glass = before.breakGlass
    const isOver = glass !== undefined && life.breakGlass === undefined && now() >= glass.until
    const canary = before.blocking?.canary
    const isAll = canary !== undefined && life.blocking !== undefined && !life.blocking.canary
    const isOut = isAll && now() >= canary.until
    if (!isOver && !isOut) return
    journal.audit(isOver ? 'break-glass-over' : 'canary-over', 'agent', {
      image: key,
      because: life.because,
    })
    log.info({ image: key, because: life.because }, 'blocking changed')
  }

  get #teller(): Teller {
    return { node: this.#options.node, nowMs: this.#options.now() }
  }
}

function probeText({ passed, missed }: SelfProbe): string {
  const refused = passed ? [] : ['an allowed action was stopped']
  const through = missed.length === 0 ? [] : [`not stopped: ${missed.join(', ')}`]
  return [...refused, ...through].join('; ')
}
