import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SnugError } from '../../../errors.ts'
import { cgroupHierarchy } from './container-rootfs.ts'

/**
 * A cgroup for one run of a job. By its name, 64 hex digits, the sensor takes it for a container. It lies below the
 * cgroup of this process, so that limits of the runner go on applying.
 */
export class JobCgroup {
  /** Of the container that it is for the sensor. */
  readonly id = randomBytes(32).toString('hex')
  readonly #above: string
  readonly #path: string

  /** Errors: JOB_UNWATCHED where there is no place for it. It has yet to be made. */
  constructor() {
    this.#above = ownCgroup()
    this.#path = join(this.#above, this.id)
    // The sensor looks from the top: all below a container is of that container.
    if (!/[0-9a-f]{64}/.test(this.#above)) return
    const where = `the runner is itself in a container: \`${basename(this.#above)}\``
    throw new SnugError('JOB_UNWATCHED', where)
  }

  /** Errors: JOB_UNWATCHED */
  make(): void {
    try {
      mkdirSync(this.#path)
    } catch (cause) {
      const what = `cannot make a cgroup below \`${this.#above}\``
      throw new SnugError('JOB_UNWATCHED', what, { cause })
    }
  }

  /** A process that writes `0` to it moves into the cgroup. */
  get door(): string {
    return join(this.#path, 'cgroup.procs')
  }

  /**
   * Removes it. Processes that outlive the command go back to the cgroup of this process, or end.
   *
   * @returns how many there were
   */
  async remove(left: 'released' | 'ended'): Promise<number> {
    const outlived = new Set<number>()
    for (;;) {
      const cgroups = withThoseBelow(this.#path)
      for (const pid of cgroups.flatMap(membersOf)) {
        outlived.add(pid)
        put(pid, left === 'ended' ? undefined : this.#above)
      }
      try {
        for (const path of cgroups) rmdirSync(path)
        return outlived.size
      } catch (error) {
        // The kernel lets go of a process a little after it has ended.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
        await delay(10)
      }
    }
  }
}

/** A job may make cgroups of its own. The deepest come first. */
function withThoseBelow(cgroup: string): readonly string[] {
  const below = readdirSync(cgroup, { withFileTypes: true }).filter((each) => each.isDirectory())
  return [...below.flatMap(({ name }) => withThoseBelow(join(cgroup, name))), cgroup]
}

function membersOf(cgroup: string): readonly number[] {
  return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
}

/** Into that cgroup; without one, the process ends. */
function put(pid: number, cgroup: string | undefined): void {
  try {
    if (cgroup === undefined) process.kill(pid, 'SIGKILL')
    else writeFileSync(join(cgroup, 'cgroup.procs'), String(pid))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Errors: JOB_UNWATCHED */
function ownCgroup(): string {
  const hierarchy = cgroupHierarchy()
  const line = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  const own = line.find((each) => each.startsWith('0::'))?.slice('0::'.length)
  if (hierarchy === undefined || own === undefined)
    throw new SnugError('JOB_UNWATCHED', 'this host has no cgroup v2 hierarchy, or hides it')
  return join(hierarchy, own)
}
