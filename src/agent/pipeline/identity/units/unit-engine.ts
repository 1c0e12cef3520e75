import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineNews } from '../engine-news.ts'
import { describeError } from '../../../../errors.ts'
import { cgroupHierarchy } from '../container-rootfs.ts'
import type { ContainerIdentity, EngineState, IdentityEngine } from '../identity.ts'
import { StateKeeper } from '../state-keeper.ts'
import type { HostFiles } from './host-files.ts'
import { managerScopes, unitOfCgroup } from './unit-cgroup.ts'
import { mainProgram } from './main-program.ts'
import type { PackageDatabase } from './packaged-files.ts'
import { unitFiles, type UnitFiles } from './unit-files.ts'
import {
  namedPrograms,
  processesOf,
  realPath,
  replacedPrograms,
  type ScriptOf,
  unitIdentity,
} from './unit-identity.ts'

export interface UnitEngineOptions {
  readonly hosts: HostFiles
  readonly scriptOf: ScriptOf
  /** Keeps the main programs of units by name; absent: they are known while this process runs. */
  readonly programs?: KeptPrograms
  readonly onState?: (state: EngineState) => void
  /** Where the hierarchy of cgroups is mounted from its root; absent: as this process sees it. */
  readonly hierarchy?: () => string | undefined
}

export interface KeptPrograms {
  load(): Readonly<Record<string, string>>
  keep(programs: Readonly<Record<string, string>>): boolean
}

/** How often it looks which units ended. */
const lookMs = 5_000
/** How often it looks for the main program of a run. */
const mostLooks = 24

interface Run {
  readonly identity: ContainerIdentity
  readonly place: Place
  looks: number
}

/** Where a unit runs, and from what. */
interface Place {
  readonly unit: string
  readonly root: string
  readonly folder: string
  readonly files: UnitFiles
  readonly database: PackageDatabase | undefined
}

/**
 * Units of systemd, each run of which is a container. The sensor decides which ones are watched; this engine knows what
 * they are from their cgroup, their files and the packages of the host, and asks no service.
 */
export class UnitEngine extends EngineNews implements IdentityEngine {
  readonly name = 'units'
  readonly #options: UnitEngineOptions
  readonly #keeper: StateKeeper
  readonly #runs = new Map<string, Run>()
  #programs: Record<string, string> | undefined

  constructor(options: UnitEngineOptions) {
    super()
    this.#options = options
    this.#keeper = new StateKeeper(options.onState)
  }

  get state(): EngineState {
    return this.#keeper.state
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#hierarchy() === undefined) this.#keeper.degrade('cgroup v2 is not mounted here')
    else this.#keeper.become({ kind: 'running' })
    const timer = setInterval(() => this.#look(), lookMs)
    timer.unref()
    const stop = (): void => {
      clearInterval(timer)
      this.#keeper.become({ kind: 'stopped' })
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  }

  known(id: string): ContainerIdentity | undefined {
    return this.#runs.get(id)?.identity
  }

  async lookup(
    id: string,
    cgroup?: string,
  ): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    const known = this.known(id)
    if (known !== undefined) return known
    const unit = cgroup === undefined ? undefined : unitOfCgroup(id, cgroup)
    const hierarchy = this.#hierarchy()
    if (cgroup === undefined || unit === undefined || hierarchy === undefined) return 'unknown'
    try {
      return await this.#identify(id, unit, hierarchy, cgroup)
    } catch (error) {
      this.#keeper.degrade(`cannot read what \`${unit}\` is: ${describeError(error)}`)
      return 'unavailable'
    }
  }

  peer(): undefined {
    return undefined
  }

  addresses(): Iterable<string> {
    return []
  }

  #hierarchy(): string | undefined {
    return (this.#options.hierarchy ?? cgroupHierarchy)()
  }

  async #identify(
    id: string,
    unit: string,
    hierarchy: string,
    cgroup: string,
  ): Promise<ContainerIdentity | 'unknown'> {
    const root = rootOfManager(hierarchy, cgroup)
    const database = await this.#options.hosts.database(root)
    const present = this.known(id)
    if (present !== undefined) return present
    const files = unitFiles(root, unit)
    if (files === undefined) return 'unknown'
    const folder = `${hierarchy}${cgroup}`
    const place = { unit, root, folder, files, database }
    const { scriptOf } = this.#options
    const replaced = replacedPrograms(folder)
    const identity = unitIdentity({ id, ...place, replaced, scriptOf, main: this.#mainOf(place) })
    this.#runs.set(id, { identity, place, looks: 0 })
    this.#keeper.become({ kind: 'running' })
    this.found(identity)
    return identity
  }

  /**
   * The program that the command of a unit starts. It is of the version of the next run also where it was found late, and
   * then stays: a process that replaces it makes no other version.
   */
  #mainOf({ unit, root, folder, files, database }: Place): string | undefined {
    if (!files.forks) return undefined
    this.#programs ??= { ...this.#options.programs?.load() }
    const known = this.#programs[unit]
    if (known !== undefined && database?.find(known) !== undefined) return known
    const { scriptOf } = this.#options
    const named = namedPrograms({ root, files, scriptOf })
    const found = mainProgram(processesOf(folder), dirname(root), (program, args) => {
      const script = scriptOf(program, args)
      return named.has(program) || named.has(realPath(root, script ?? '') ?? '')
    })
    // The processes of the unit choose it: only what a package ships can be a version.
    if (found === undefined || database?.find(found) === undefined) return undefined
    this.#programs[unit] = found
    this.#options.programs?.keep(this.#programs)
    return found
  }

  #lookFor(place: Place): void {
    try {
      this.#mainOf(place)
    } catch {
      // Packages cannot be read at the moment: the next look may find it.
    }
  }

  #look(): void {
    for (const [id, run] of this.#runs) {
      if (run.looks++ < mostLooks) this.#lookFor(run.place)
      if (existsSync(run.place.folder)) continue
      this.#runs.delete(id)
      this.left(id, 'gone')
    }
  }
}

/** By an open process of the manager: a path within it leads nowhere else. */
function rootOfManager(hierarchy: string, cgroup: string): string {
  for (const scope of managerScopes(cgroup)) {
    try {
      const procs = readFileSync(`${hierarchy}${scope}/cgroup.procs`, 'utf8')
      const [pid] = procs.split('\n').map(Number)
      if (pid !== undefined && pid > 0) return `/proc/${pid}/root`
    } catch {
      // No manager is there.
    }
  }
  return '/proc/1/root'
}
