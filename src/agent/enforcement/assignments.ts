import type { KernelHold } from '../../core/lifecycle/hold.ts'
import { canariesAmong } from '../../core/lifecycle/blocking.ts'
import type { PendingContainer } from '../pipeline/identity/identity.ts'
import type {
  ContainerSeen,
  ContainerTraits,
  PolicyReport,
  SourceControl,
} from '../pipeline/sources/source.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { lateKept } from './enforcement-gaps.ts'

export interface AssignmentsOptions {
  readonly controls: () => Iterable<SourceControl>
  /** The version of an image that was seen before. */
  readonly versionOf: (container: PendingContainer) => DeployedVersion | undefined
  readonly holdOf: (container: PendingContainer) => KernelHold | undefined
  /** A source confirms each assignment. */
  readonly confirms: boolean
  /**
   * A container that is to be blocked started before its assignment took effect, or went out where no source confirms it:
   * epoch milliseconds.
   */
  readonly onLate: (container: string, version: DeployedVersion, assignedMs: number) => void
  /** Where a source confirms assignments: a container that is to be blocked has started. */
  readonly onAwaited: (
    container: string,
    version: DeployedVersion,
    sentLateMs: number | undefined,
  ) => void
  /** The confirmation of one that was assigned before it acted. */
  readonly onTime: (container: string) => void
  readonly now: () => number
}

/** A container that started, and whose assignment is not confirmed yet. */
interface Awaited {
  readonly version: DeployedVersion
  readonly startedMs: number
}

export type AssignedReport = Extract<PolicyReport, { kind: 'assigned' }>

/** The last assignment sent for a container. */
interface Assigned {
  readonly text: string
  readonly version: DeployedVersion
  readonly enforce: boolean
  /** Since when (epoch milliseconds) it is assigned to this version and enforced, or not enforced. */
  readonly sinceMs: number
}

/**
 * Assigns a version and its policy state to each container in the sources. A created container that
 * has not started yet is assigned too, so that its first program is judged like every later one.
 */
export class Assignments {
  readonly #options: AssignmentsOptions
  /** Containers that the engines report, running or not. */
  readonly #present = new Map<string, PendingContainer>()
  readonly #sent = new Map<string, Assigned>()
  readonly #prepared = new WeakSet<DeployedVersion>()
  readonly #awaited = new Map<string, Awaited>()

  constructor(options: AssignmentsOptions) {
    this.#options = options
  }

  /** An engine created a container, or reports one that exists or has changed. */
  learned(identity: PendingContainer): void {
    this.#present.set(identity.id, identity)
    const version = this.#options.versionOf(identity)
    if (version !== undefined) this.#send(identity.id, version)
  }

  /** As the engines report it; undefined for a container that none has reported. */
  reported(container: string): PendingContainer | undefined {
    return this.#present.get(container)
  }

  /** All that the engines have reported, running or not. */
  get present(): Iterable<PendingContainer> {
    return this.#present.values()
  }

  /** Other holds apply to it. */
  holdChanged(identity: PendingContainer): void {
    const version = this.#options.versionOf(identity)
    if (version !== undefined) this.#send(identity.id, version)
  }

  /** An engine removed it: it will not start again. */
  gone(container: string): void {
    this.#present.delete(container)
    if (!this.#sent.delete(container)) return
    for (const control of this.#options.controls()) control.release?.(container)
  }

  /**
   * The container runs. Sends the assignment again even if it was sent before, because a source forgets ended
   * containers.
   *
   * @param seen present where it started now; absent where it ran already and its version has a new scope
   */
  started(container: string, version: DeployedVersion, seen?: ContainerSeen): void {
    this.#send(container, version, true)
    this.#checkLate(container, version, seen)
    this.#chooseAgain(version)
    // The first of a version that is new: others of its image may have been made before it was known.
    if (this.#prepared.has(version)) return
    this.#prepared.add(version)
    this.#prepare(version)
  }

  /** It ended; it may be started again under the same id. */
  ended(container: string, version: DeployedVersion): void {
    if (this.#present.has(container)) this.#send(container, version, true)
    else this.#sent.delete(container)
    this.#chooseAgain(version)
  }

  /** The version was removed. A container that is started again is assigned to a new version. */
  removed(version: DeployedVersion): void {
    for (const [container, sent] of this.#sent) {
      if (sent.version !== version) continue
      this.#sent.delete(container)
      for (const control of this.#options.controls()) control.release?.(container)
    }
  }

  /** The version moved: other containers of it may be blocked now, and those that wait to be started. */
  moved(version: DeployedVersion): void {
    for (const container of runningOf(version)) this.#send(container, version)
    this.#prepare(version)
  }

  /** Those that wait to be started. */
  #prepare(version: DeployedVersion): void {
    for (const identity of this.#present.values()) {
      if (this.#options.versionOf(identity) === version) this.#send(identity.id, version)
    }
  }

  #chooseAgain(version: DeployedVersion): void {
    if (version.life.blocking?.canary === undefined) return
    for (const container of runningOf(version)) this.#send(container, version)
  }

  #checkLate(container: string, version: DeployedVersion, seen: ContainerSeen | undefined): void {
    const assigned = this.#sent.get(container)
    // The time before the agent started is a separate loss.
    if (seen === undefined || seen.before || assigned?.enforce !== true) return
    const { confirms, onAwaited, onLate } = this.#options
    const startedMs = Date.parse(seen.time)
    const isLate = assigned.sinceMs > startedMs
    if (confirms) {
      this.#awaited.set(container, { version, startedMs })
      const [oldest] = this.#awaited.keys()
      if (this.#awaited.size > lateKept && oldest !== undefined) this.#awaited.delete(oldest)
      onAwaited(container, version, isLate ? assigned.sinceMs : undefined)
    } else if (isLate) onLate(container, version, assigned.sinceMs)
  }

  /** A source confirms an assignment: the time at which it was sent is not that at which it took effect. */
  confirmed({ container, scope, enforced, since }: AssignedReport): void {
    const awaited = this.#awaited.get(container)
    if (awaited === undefined || !enforced || awaited.version.scope !== scope) return
    this.#awaited.delete(container)
    const sinceMs = since === undefined ? -Infinity : Date.parse(since)
    if (sinceMs > awaited.startedMs) this.#options.onLate(container, awaited.version, sinceMs)
    else this.#options.onTime(container)
  }

  #send(container: string, version: DeployedVersion, again = false): void {
    const traits = this.#traits(container, version)
    const text = JSON.stringify([version.scope, traits])
    const last = this.#sent.get(container)
    if (last?.text === text && !again) return
    const enforce = traits.enforce === true
    const goesOn = last?.version === version && last.enforce === enforce
    const sinceMs = goesOn ? last.sinceMs : this.#options.now()
    this.#sent.set(container, { text, version, enforce, sinceMs })
    for (const control of this.#options.controls()) {
      control.assign(container, version.scope, traits)
    }
  }

  #traits(container: string, version: DeployedVersion): ContainerTraits {
    const identity = this.#present.get(container)
    const hold = identity && this.#options.holdOf(identity)
    return {
      // An operator's debug session raises alerts but is never stopped.
      // What would be stopped of a container with its own kernel is its sandbox.
      enforce:
        identity?.role !== 'ephemeral' &&
        identity?.blind?.why !== 'own-kernel' &&
        enforcedOf(version, container).has(container),
      ...(identity?.probes === undefined ? {} : { probes: identity.probes }),
      ...(identity?.initInjected === true ? { init: true } : {}),
      ...(identity?.user === undefined ? {} : { user: identity.user }),
      ...(hold === undefined ? {} : { hold }),
    }
  }
}

/** Running containers whose deviations are blocked where the version's are: all of them, or the canary's choice. */
export function enforcedOf(version: DeployedVersion, alsoThis?: string): ReadonlySet<string> {
  const { mode, blocking } = version.life
  if (mode !== 'block') return new Set()
  const containers = new Set(runningOf(version).filter((id) => !version.isSandbox(id)))
  if (alsoThis !== undefined) containers.add(alsoThis)
  return blocking?.canary === undefined ? containers : canariesAmong(containers, blocking.canary)
}

function runningOf({ runs }: DeployedVersion): readonly string[] {
  return [...runs.values()].filter(({ to }) => to === undefined).map(({ container }) => container)
}
