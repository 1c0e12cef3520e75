import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KernelOptions } from '../../core/compile/compile-kernel.ts'
import { dnsPeer } from '../../core/behaviour/dns-name.ts'
import { describeError, SnugError } from '../../errors.ts'
import type { PendingContainer, IdentityEngine } from '../pipeline/identity/identity.ts'
import type { ImageFiles } from '../pipeline/identity/image-files.ts'
import type { ContainerSeen, SourceControl } from '../pipeline/sources/source.ts'
import { untilAborted } from '../../support/deadline.ts'
import type { Slices } from '../../support/slices.ts'
import type { Log } from '../../support/telemetry/log.ts'
import { type AssignedReport, Assignments } from './assignments.ts'
import { EnforcementGaps } from './enforcement-gaps.ts'
import type { EnforcementReports } from './enforcement-reports.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'
import type { Holds } from './holds.ts'
import { KernelProfiles, type KernelProfilesOptions } from './kernel-profiles.ts'
import { PeerNames } from './peer-names.ts'

export interface KernelSideOptions {
  readonly controls: () => Iterable<SourceControl>
  readonly engines: readonly IdentityEngine[]
  readonly files: ImageFiles
  readonly registry: VersionRegistry
  readonly budget: number
  /** The guardrails, where novelty is not stopped. */
  readonly novelty?: KernelOptions['novelty']
  /** The containers are jobs of CI: only these files are strict. */
  readonly guards?: KernelOptions['guards']
  /** Of versions of class `open` only these are. */
  readonly openGuards?: KernelProfilesOptions['openGuards']
  readonly failClosed: boolean
  readonly confirms: boolean
  readonly reports: EnforcementReports
  readonly holds: Holds
  readonly faults: Map<string, string>
  /** Does long work beside judging. */
  readonly slices: Slices
  readonly log: Log
  readonly now: () => number
}

type KernelCounts = Readonly<
  Record<'sent' | 'installed' | 'evicted' | 'failed' | 'blocking', number>
>

const noop = (): void => undefined

/** Keeps everything in step that sources need to judge and block in the kernel. */
export class KernelSide {
  readonly profiles: KernelProfiles
  readonly gaps = new EnforcementGaps()
  readonly #options: KernelSideOptions
  readonly #assignments: Assignments
  readonly #peers: PeerNames
  readonly #unsubscribe: (() => void)[]
  #onRestored = noop
  /** Resolves once the sources were sent the restored state. */
  readonly #restored = new Promise<void>((resolve) => {
    this.#onRestored = resolve
  })
  /** Starts that wait until an engine reports their container. */
  readonly #awaited = new Set<{ readonly id: string; readonly resolve: () => void }>()

  constructor(options: KernelSideOptions) {
    const { controls, engines, files, log, now, budget, novelty, guards, registry, confirms } =
      options
    this.#options = options
    this.#assignments = new Assignments({
      controls,
      versionOf: ({ image, imageId }) => registry.index.ofImage(image, imageId),
      now,
      holdOf: (container) => options.holds.kernelHoldOf(container),
      confirms,
      onLate: (container, version, assignedMs) => {
        if (!this.profiles.blocks(version)) return
        const gap = this.gaps.late(container, { image: version.image, assignedMs })
        if (gap !== undefined) options.reports.gap(gap)
      },
      onAwaited: (container, version, sentLateMs) => {
        if (!this.profiles.blocks(version)) return
        this.gaps.awaits(container)
        if (sentLateMs !== undefined) this.gaps.sentLate(container, sentLateMs)
      },
      onTime: (container) => this.gaps.onTime(container),
    })
    this.#peers = new PeerNames(engines, controls, now)
    this.profiles = new KernelProfiles({
      controls,
      budget,
      ...(novelty === undefined ? {} : { novelty }),
      mayBlock: ({ image }) => registry.lifecycle.rules.unblockable?.(image) === undefined,
      ...(guards === undefined ? {} : { guards }),
      ...(options.openGuards === undefined ? {} : { openGuards: options.openGuards }),
      now,
      confirms,
      slices: options.slices,
      shippedMatching: ({ identity }, automaton) =>
        identity === undefined ? [] : files.taken(identity, automaton),
      onWidened: (version, sentences) => {
        version.notes = sentences
        if (sentences.length === 0) return
        const [first] = sentences
        log.warn(
          { image: version.key, count: sentences.length, first },
          'the kernel profile is wider than the profile',
        )
      },
      onFailed: (version, error) => this.#failed(version, error),
      onHealed: (version) => {
        version.notes = []
        options.faults.delete(`profile ${version.key}`)
      },
    })
    this.#unsubscribe = engines.flatMap((engine) => [
      engine.subscribe((identity) => {
        this.#learned(identity)
        this.#peers.refresh()
      }),
      engine.subscribePending?.((container) => this.#learned(container)) ?? noop,
      engine.subscribeStarting?.((container) => this.#inPlace(container)) ?? noop,
      engine.subscribePeers?.(() => this.#peers.refresh()) ?? noop,
      engine.subscribeLeft((id, how) => {
        if (how === 'gone') {
          this.#assignments.gone(id)
          options.holds.gone(id)
        }
        this.#peers.refresh()
      }),
    ])
  }

  /**
   * Sends the restored state to the sources, a version in each turn of the event loop. Call it once; sources are read
   * after it resolves, because containers are assigned next, and must find their profiles.
   */
  async start(): Promise<void> {
    for (const control of this.#options.controls()) control.failClosed?.(this.#options.failClosed)
    for (const version of this.#options.registry.index) {
      this.profiles.moved(version)
      await this.profiles.compiled(version)
      await nextTurn()
    }
    this.#peers.refresh()
    this.#onRestored()
  }

  moved(version: DeployedVersion): void {
    this.profiles.moved(version)
    this.#assignments.moved(version)
  }

  /** Nothing of the version stays with the sources. */
  removed(version: DeployedVersion): void {
    this.profiles.removed(version)
    this.#assignments.removed(version)
  }

  /** Every version that the kernel judges or should judge, with its confirmed state. */
  get standings(): KernelCounts {
    const counts = { sent: 0, installed: 0, evicted: 0, failed: 0, blocking: 0 }
    for (const version of this.#options.registry.index) {
      const { profile, blocks } = this.profiles.standing(version)
      if (profile !== 'none') counts[profile] += 1
      if (blocks) counts.blocking += 1
    }
    return counts
  }

  /** Versions whose kernel profile is wider than their profile. */
  get widened(): number {
    let count = 0
    for (const version of this.#options.registry.index) {
      if (version.notes.length > 0 && this.profiles.has(version)) count += 1
    }
    return count
  }

  /** Why this version cannot be blocked on this host, whatever its evidence is worth; undefined where it can. */
  refusal(version: DeployedVersion): string | undefined {
    if (!this.profiles.supported) {
      return 'no source of this agent can block: only `ebpf` does, see `snug doctor`'
    }
    return this.profiles.failed(version) ? version.notes[0] : undefined
  }

  /** A person decided on the version; `expects`: the decision changed its expected behaviour. */
  decided(version: DeployedVersion, expects: boolean): void {
    if (expects) this.profiles.changed(version)
    // Without a profile there the kernel asks again about everything.
    if (!this.profiles.has(version) && !this.profiles.isComing(version)) {
      this.#options.registry.renew(version)
    }
  }

  /**
   * Sources report these containers as running, and the kernel does not judge them yet. Query the engine now for those
   * that it has not reported: the assignment must precede the events that it judges.
   */
  announced(containers: readonly ContainerSeen[]): void {
    for (const { id, cgroup } of containers) {
      for (const engine of this.#options.engines) {
        if (engine.known(id) === undefined) engine.lookup(id, cgroup).catch(noop)
      }
    }
  }

  started(container: string, version: DeployedVersion, seen?: ContainerSeen): void {
    this.#assignments.started(container, version, seen)
    this.profiles.started(version)
  }

  /** Since when (epoch milliseconds) the kernel has the name of a peer's address; undefined: it has none. */
  namedSince(address: string): number | undefined {
    return this.#peers.since(address)
  }

  /** Only answers of these resolvers name its peers. `names`: of addresses that it found before. */
  resolvers(
    container: string,
    addresses: readonly string[],
    names: readonly (readonly [string, string])[],
  ): void {
    const found = names.map(([address, name]) => ({ address, name: dnsPeer(name) }))
    for (const control of this.#options.controls()) control.resolvers?.(container, addresses, found)
  }

  /** A source confirms the assignment of a container. */
  assigned(report: AssignedReport): void {
    this.#assignments.confirmed(report)
    this.#options.holds.confirmed(report)
  }

  /** Containers that the engines have reported, running or not. */
  present(): Iterable<PendingContainer> {
    return this.#assignments.present
  }

  reported(container: string): PendingContainer | undefined {
    return this.#assignments.reported(container)
  }

  /** Other holds apply to these containers. */
  holdsChanged(containers: readonly PendingContainer[]): void {
    for (const container of containers) this.#assignments.holdChanged(container)
  }

  ended(container: string, version: DeployedVersion): void {
    this.gaps.ended(container)
    this.#assignments.ended(container, version)
  }

  tick(): void {
    this.profiles.tick()
  }

  close(): void {
    this.profiles.close()
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }

  /**
   * For a runtime that holds the container meanwhile. Resolves once the kernel judges it, and at once where nothing would
   * be refused in any container. Rejects once the signal aborts.
   */
  async starting(id: string, signal: AbortSignal): Promise<void> {
    const { failClosed, registry } = this.#options
    const mayRefuse = failClosed || [...registry.index].some(({ life }) => life.mode === 'block')
    if (!mayRefuse) return
    // An agent that was just started: what it has restored is still on its way to the sources.
    await untilAborted(this.#restored, signal)
    const container = this.#assignments.reported(id) ?? (await this.#report(id, signal))
    await untilAborted(this.#inPlace(container), signal)
  }

  async #report(id: string, signal: AbortSignal): Promise<PendingContainer> {
    const awaited = { id, resolve: noop }
    const reported = new Promise<void>((resolve) => {
      awaited.resolve = resolve
    })
    this.#awaited.add(awaited)
    for (const engine of this.#options.engines) engine.findCreated?.(id)
    try {
      await untilAborted(reported, signal)
    } finally {
      this.#awaited.delete(awaited)
    }
    const container = this.#assignments.reported(id)
    if (container === undefined) throw new SnugError('START_UNJUDGED', 'it was removed meanwhile')
    return container
  }

  #learned(container: PendingContainer): void {
    this.#assignments.learned(container)
    for (const { id, resolve } of this.#awaited) if (id === container.id) resolve()
  }

  /** Resolves once the kernel judges a container that was reported as pending. Only what may be refused waits. */
  async #inPlace(container: PendingContainer): Promise<void> {
    const { controls, registry, failClosed } = this.#options
    const version = registry.index.ofImage(container.image, container.imageId)
    if (version === undefined || !(failClosed || this.profiles.blocks(version))) return
    await Promise.all([...controls()].map(async (control) => control.obeyed?.()))
  }

  #failed(version: DeployedVersion, error: unknown): void {
    const { faults, log, reports } = this.#options
    const why = describeError(error)
    version.notes = [
      `the version cannot block, because the kernel does not have its profile: ${why}`,
    ]
    faults.set(`profile ${version.key}`, why)
    log.error(
      { image: version.key, error: why },
      'the kernel does not have the profile of a version',
    )
    reports.profileFailed(version, why)
  }
}
