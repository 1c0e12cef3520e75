import { partialObservables } from '../../core/coverage/observable.ts'
import type { Micros } from '../../core/event/time.ts'
import { unitOf } from '../../core/event/unit-image.ts'
import type { Guard } from '../../core/compile/kernel-guards.ts'
import { enforcementOf, judgesInKernel, openKinds } from '../../core/lifecycle/blocking.ts'
import {
  type CompiledKernel,
  compileSteps,
  type KernelOptions,
} from '../../core/compile/compile-kernel.ts'
import type { PathAutomaton } from '../../core/compile/kernel-profile.ts'
import { finish } from '../../core/steps.ts'
import type { Enforcement, PolicyReport, SourceControl } from '../pipeline/sources/source.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Slices } from '../../support/slices.ts'

export interface KernelProfilesOptions {
  readonly controls: () => Iterable<SourceControl>
  /** Paths of files that the version's image ships and the automaton takes. */
  readonly shippedMatching: (
    version: DeployedVersion,
    automaton: PathAutomaton,
  ) => readonly string[]
  /** Maximum number of different actions of a version that the kernel refuses within a minute. */
  readonly budget: number
  /** The guardrails, where novelty is not stopped. */
  readonly novelty?: KernelOptions['novelty']
  /** Versions that are never blocked, whatever their mode; absent: none. */
  readonly mayBlock?: (version: DeployedVersion) => boolean
  /** The versions are jobs of CI: only these files are strict. */
  readonly guards?: KernelOptions['guards']
  /** Of versions of class `open` only these are; absent: there are none. */
  readonly openGuards?: () => readonly Guard[]
  readonly now: () => number
  /** Whether the sources confirm what they put into the kernel; absent: they do not. */
  readonly confirms?: boolean
  /** Sentences about rules that were widened to fit into the kernel. */
  readonly onWidened: (version: DeployedVersion, sentences: readonly string[]) => void
  /** The version's profile does not fit, or not be made: the kernel has none of it, and it cannot block. */
  readonly onFailed: (version: DeployedVersion, error: unknown) => void
  /** It fits again, or is no longer needed. */
  readonly onHealed: (version: DeployedVersion) => void
  /** Does long work beside judging; absent: all at once. */
  readonly slices?: Pick<Slices, 'run'>
}

/** Profiles with more behaviours are compiled beside judging. */
export const compiledAtOnce = 500

/** The confirmed part of a profile that was sent. */
type Confirmed = 'sent' | 'installed' | 'evicted'

/** The kernel's state of a version, as its sources confirm it. */
export interface KernelStanding {
  /** `none`: it is not judged there. `evicted`: another version has its place until a container of it starts. */
  readonly profile: 'none' | 'failed' | Confirmed
  /** Deviations are stopped. */
  readonly blocks: boolean
}

/** The kernel's state of a version, as last sent. */
interface InstalledProfile {
  /** The scope of the state; a new scope starts empty. */
  scope: number
  profile: 'none' | 'installed' | 'failed'
  /** The state that the sources have confirmed. */
  confirmed: Confirmed
  /** They have confirmed that deviations are stopped. */
  blocks: boolean
  /** Epoch milliseconds */
  at: number
  /** When an approval ends, and with it this profile. */
  ends: Micros | undefined
  /** As last sent; undefined: nothing yet. */
  enforcement: Enforcement | undefined
  timer: NodeJS.Timeout | undefined
  /** A profile is compiled beside judging: what it is for, and whether it has to be compiled again. */
  compiling: Compiling | undefined
  /** It was made with the image's files at hand. */
  withFiles: boolean
}

interface Compiling {
  isOutdated: boolean
  /** Resolves as it ends, also where its result is no longer needed. */
  done: Promise<void>
}

/** Decisions that come together are compiled together; the first of them at once. */
const gatherMs = 300

/**
 * Keeps the kernel's profiles and modes in step with versions that do not learn. A compiled profile
 * is replaced as a whole.
 *
 * INVARIANT: a version that blocks has its profile in the kernel before the kernel gets the order
 * to block.
 * INVARIANT: no version blocks if some kind of event was not observed while it was learned.
 */
export class KernelProfiles {
  readonly #options: KernelProfilesOptions
  readonly #confirms: boolean
  readonly #installed = new Map<DeployedVersion, InstalledProfile>()

  constructor(options: KernelProfilesOptions) {
    this.#options = options
    this.#confirms = options.confirms === true
  }

  /** Whether any source can judge, and stop, by itself. */
  get supported(): boolean {
    return [...this.#options.controls()].some(
      (control) => control.profile !== undefined && control.enforce !== undefined,
    )
  }

  /** The kernel judges this version's events by its profile: known keys are not sent. */
  has(version: DeployedVersion): boolean {
    return this.#installed.get(version)?.profile === 'installed'
  }

  /** Deviations of its containers are stopped now. */
  blocks(version: DeployedVersion): boolean {
    const enforcement = this.#installed.get(version)?.enforcement
    if (enforcement?.mode !== 'block') return false
    return enforcement.pausedUntil === undefined || enforcement.pausedUntil <= this.#options.now()
  }

  /** Its profile could not be made for the kernel. */
  failed(version: DeployedVersion): boolean {
    return this.#installed.get(version)?.profile === 'failed'
  }

  /** Since when (epoch milliseconds) the kernel has the profile that it judges by; undefined where it has none. */
  since(version: DeployedVersion): number | undefined {
    const installed = this.#installed.get(version)
    return installed?.profile === 'installed' ? installed.at : undefined
  }

  /** If no source confirms anything, the last profile sent counts as installed. */
  standing(version: DeployedVersion): KernelStanding {
    const installed = this.#installed.get(version)
    if (installed === undefined || installed.profile === 'none')
      return { profile: 'none', blocks: false }
    if (installed.profile === 'failed') return { profile: 'failed', blocks: false }
    const { confirmed, enforcement } = installed
    const blocks = this.#confirms ? installed.blocks : enforcement?.mode === 'block'
    return { profile: confirmed, blocks: confirmed === 'installed' && blocks }
  }

  /** A source confirms the state of a version. */
  confirmed(
    version: DeployedVersion,
    report: Exclude<PolicyReport, { kind: 'reset' | 'assigned' }>,
  ): void {
    const installed = this.#installed.get(version)
    if (installed === undefined || installed.scope !== report.scope || installed.profile === 'none')
      return
    switch (report.kind) {
      case 'installed':
        if (installed.profile === 'failed') this.#options.onHealed(version)
        installed.profile = 'installed'
        installed.confirmed = 'installed'
        this.#enforce(version, installed)
        return
      case 'evicted':
        installed.confirmed = 'evicted'
        installed.blocks = false
        return
      case 'enforced':
        installed.blocks = report.blocks
        return
      case 'failed':
        installed.profile = 'failed'
        installed.blocks = false
        // A profile that fits later is followed by what its deviations get.
        installed.enforcement = undefined
        this.#options.onFailed(version, new Error(report.reason))
    }
  }

  /** The version was removed, and its scope gives up its place in the kernel. */
  removed(version: DeployedVersion): void {
    const installed = this.#installed.get(version)
    if (installed === undefined) return
    clearTimeout(installed.timer)
    installed.compiling = undefined
    if (installed.profile === 'failed') this.#options.onHealed(version)
    const isSent = installed.profile !== 'none' || installed.enforcement !== undefined
    if (isSent) this.#withdraw(version, installed)
    this.#installed.delete(version)
  }

  /** The kernel has lost everything that was confirmed. */
  reset(): void {
    for (const installed of this.#installed.values()) {
      installed.confirmed = 'sent'
      installed.blocks = false
    }
  }

  /** One of its containers exists, and so do the image's files: no pattern may include these. */
  started(version: DeployedVersion): void {
    const installed = this.#installed.get(version)
    if (
      installed?.profile === 'installed' &&
      !installed.withFiles &&
      version.identity?.rootfs !== undefined
    ) {
      this.#compile(version, installed)
    }
  }

  /** It is compiled for the first time, beside judging. */
  isComing(version: DeployedVersion): boolean {
    const installed = this.#installed.get(version)
    return installed?.profile === 'none' && installed.compiling !== undefined
  }

  /** Resolves once nothing of the version is being compiled. */
  async compiled(version: DeployedVersion): Promise<void> {
    for (;;) {
      const compiling = this.#installed.get(version)?.compiling
      if (compiling === undefined) return
      await compiling.done
    }
  }

  /** The version moved: its mode, canary, break-glass, or whether it learns. */
  moved(version: DeployedVersion): void {
    if (!this.supported) return
    const installed = this.#of(version)
    if (judgesInKernel(version.life)) {
      const isMade = installed.profile !== 'none' || installed.compiling !== undefined
      if (!isMade) this.#compile(version, installed)
      // What its deviations get follows the profile.
      if (installed.profile === 'none') return
    } else {
      installed.compiling = undefined
      if (installed.profile === 'failed') this.#options.onHealed(version)
      if (installed.profile !== 'none') this.#withdraw(version, installed)
    }
    this.#enforce(version, installed)
  }

  /** The expected behaviour of the version changed: a decision was made, or expired. */
  changed(version: DeployedVersion): void {
    if (!this.supported || !judgesInKernel(version.life)) return
    const installed = this.#of(version)
    if (installed.timer !== undefined) return
    const wait = installed.at + gatherMs - this.#options.now()
    if (wait <= 0 || wait > gatherMs) {
      this.#compile(version, installed)
      return
    }
    installed.timer = setTimeout(() => {
      installed.timer = undefined
      if (judgesInKernel(version.life)) this.#compile(version, installed)
    }, wait)
  }

  /** Approvals end by themselves. */
  tick(): void {
    const now = this.#options.now() * 1_000
    for (const [version, { ends }] of this.#installed) {
      if (ends !== undefined && now >= ends) this.changed(version)
    }
  }

  close(): void {
    for (const installed of this.#installed.values()) {
      clearTimeout(installed.timer)
      installed.compiling = undefined
    }
  }

  #of(version: DeployedVersion): InstalledProfile {
    const known = this.#installed.get(version)
    if (known?.scope === version.scope) return known
    clearTimeout(known?.timer)
    if (known !== undefined) known.compiling = undefined
    const installed: InstalledProfile = {
      scope: version.scope,
      profile: 'none',
      confirmed: 'sent',
      blocks: false,
      at: 0,
      ends: undefined,
      enforcement: undefined,
      timer: undefined,
      compiling: undefined,
      withFiles: false,
    }
    this.#installed.set(version, installed)
    return installed
  }

  #compile(version: DeployedVersion, installed: InstalledProfile): void {
    if (installed.compiling !== undefined) {
      installed.compiling.isOutdated = true
      return
    }
    const { now, shippedMatching, slices, novelty } = this.#options
    const openGuards = this.#openGuards(version)
    const isOpen = openGuards !== undefined
    const guards = this.#options.guards ?? openGuards
    // Until it is replaced, the profile of before still holds: there is no moment with half of one.
    const steps = compileSteps(version.profile, {
      now: now() * 1_000,
      shippedMatching: (automaton) => shippedMatching(version, automaton),
      ...(novelty === undefined ? {} : { novelty }),
      knowsDrift: unitOf(version.image) === undefined,
      ...(guards === undefined ? {} : { guards }),
      isOpen,
    })
    const withFiles = version.identity?.rootfs !== undefined
    const isShort = version.profile.size <= compiledAtOnce && !isOpen
    if (slices === undefined || isShort) {
      this.#install(version, installed, withFiles, () => finish(steps))
      return
    }
    const compiling: Compiling = { isOutdated: false, done: Promise.resolve() }
    installed.compiling = compiling
    const end = (compiled: () => CompiledKernel): void => {
      // It was withdrawn, removed, or has a new scope.
      if (installed.compiling !== compiling) return
      installed.compiling = undefined
      if (version.scope !== installed.scope) {
        this.moved(version)
        return
      }
      const isFirst = installed.profile === 'none'
      this.#install(version, installed, withFiles, compiled)
      if (isFirst) this.#enforce(version, installed)
      if (compiling.isOutdated) this.changed(version)
    }
    compiling.done = slices.run('a profile is compiled for the kernel', steps).then(
      (compiled) => end(() => compiled),
      (error: unknown) => {
        end(() => {
          throw error
        })
      },
    )
  }

  #install(
    version: DeployedVersion,
    installed: InstalledProfile,
    withFiles: boolean,
    compile: () => CompiledKernel,
  ): void {
    const { now, controls, onWidened, onFailed, onHealed } = this.#options
    const failed = installed.profile === 'failed'
    try {
      const { profile, ends, widenings, derives } = compile()
      // User space first, then the kernel: otherwise nothing would report a behaviour that only the
      // kernel allows.
      version.profile.widen(widenings)
      version.profile.derived.inKernel = derives
      version.derivedTags = new Set(
        profile.rules.flatMap(({ object, tag }) => (object.kind === 'shipped-file' ? [tag] : [])),
      )
      for (const control of controls()) control.profile?.(version.scope, profile)
      installed.profile = 'installed'
      installed.confirmed = this.#confirms ? 'sent' : 'installed'
      installed.withFiles = withFiles
      installed.ends = ends
      if (failed) onHealed(version)
      // The class may have changed: what is spared follows the guards.
      if (failed || installed.enforcement !== undefined) this.#enforce(version, installed)
      onWidened(version, profile.widened)
    } catch (error) {
      // Half a profile would refuse what the other half allows: install none, and report it.
      if (installed.profile === 'installed') this.#withdraw(version, installed)
      installed.profile = 'failed'
      installed.blocks = false
      installed.enforcement = undefined
      installed.ends = undefined
      onFailed(version, error)
    }
    installed.at = now()
  }

  #withdraw(version: DeployedVersion, installed: InstalledProfile): void {
    clearTimeout(installed.timer)
    installed.timer = undefined
    installed.compiling = undefined
    installed.profile = 'none'
    installed.ends = undefined
    version.profile.widen([])
    version.profile.derived.inKernel = true
    for (const control of this.#options.controls()) control.profile?.(version.scope, undefined)
  }

  /** Undefined where the version is not of class `open`. */
  #openGuards({ profile }: DeployedVersion): readonly Guard[] | undefined {
    const { openGuards } = this.#options
    return openGuards !== undefined && profile.isOpen ? openGuards() : undefined
  }

  #enforce(version: DeployedVersion, installed: InstalledProfile): void {
    const { budget, guards } = this.#options
    const isOpen = this.#openGuards(version) !== undefined
    const { life, unobserved, observed } = version
    const unobservable = partialObservables.filter((access) => !observed.has(access))
    const spares = [
      ...unobservable,
      ...(guards !== undefined || isOpen ? (['unguarded'] as const) : []),
      ...(isOpen ? (['actors'] as const) : []),
    ]
    const isSpared = unobserved.length > 0 || this.#options.mayBlock?.(version) === false
    const judged = enforcementOf(life, budget, isSpared, spares, isOpen ? openKinds : [])
    if (judged === undefined && installed.enforcement === undefined) return
    const wanted = judged ?? { mode: 'alert', budget }
    const last = installed.enforcement
    const isSame =
      last?.mode === wanted.mode &&
      last.pausedUntil === wanted.pausedUntil &&
      last.spares?.join() === wanted.spares?.join()
    if (isSame && last.except?.join() === wanted.except?.join()) return
    installed.enforcement = wanted
    for (const control of this.#options.controls()) control.enforce?.(version.scope, wanted)
  }
}
