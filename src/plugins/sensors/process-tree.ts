import type { Origin } from '../../core/event/event-words.ts'

/** Facts about a process from the execs that led to it. */
export interface Lineage {
  readonly origin: Origin
  readonly session?: string
  /** Executables from the parent outwards, nearest first. */
  readonly ancestors?: readonly string[]
}

interface Node extends Lineage {
  readonly exe: string
}

/** How a process came into its container; undefined if the sensor does not report it. */
export type Root = 'entrypoint' | 'exec-in' | 'probe'

export interface ReportedExec {
  readonly container: string
  readonly pid: string
  readonly ppid: string | undefined
  readonly exe: string
  /** Its parent is outside of the container, so the runtime started it. */
  readonly fromOutside: boolean
  readonly root: Root | undefined
  readonly time: string
}

export const maxProcesses = 65_536
const maxAncestors = 16
const plain: Lineage = Object.freeze({ origin: 'entrypoint' })

/**
 * Tracks the tree of each process, for sensors that report only the parent of each exec. Memory is
 * bounded: a process that was forgotten, or began before the sensor, counts as `entrypoint`.
 */
export class ProcessTree {
  readonly #nodes = new Map<string, Node>()
  readonly #begun = new Set<string>()

  ran(reported: ReportedExec): Lineage {
    const { container, pid, ppid, exe, fromOutside, root, time } = reported
    const before = this.#nodes.get(`${container}/${pid}`)
    const parent = ppid === undefined ? undefined : this.#nodes.get(`${container}/${ppid}`)
    const lineage =
      fromOutside && before === undefined
        ? this.#rooted(container, root, `${pid}-${time}`)
        : this.#below(before, parent, root)
    const key = `${container}/${pid}`
    // Moves the process to the newest end, because the oldest is forgotten first.
    this.#nodes.delete(key)
    this.#nodes.set(key, { ...lineage, exe })
    if (this.#nodes.size > maxProcesses) {
      const [oldest] = this.#nodes.keys()
      if (oldest !== undefined) this.#nodes.delete(oldest)
    }
    return lineage
  }

  /** The lineage of an acting process: from its last exec, or else from its parent. */
  of(container: string, pid: string, ppid?: string): Lineage {
    const own = this.#nodes.get(`${container}/${pid}`)
    if (own !== undefined) return bare(own)
    const parent = ppid === undefined ? undefined : this.#nodes.get(`${container}/${ppid}`)
    return parent === undefined ? plain : bare(parent)
  }

  ended(container: string, pid: string): void {
    this.#nodes.delete(`${container}/${pid}`)
  }

  #rooted(container: string, root: Root | undefined, session: string): Lineage {
    // If the sensor reports no root, the first one in the container is the entrypoint, and later
    // ones are not.
    const isFirst = !this.#begun.has(container)
    if (this.#begun.size >= maxProcesses) this.#begun.clear()
    this.#begun.add(container)
    const origin = root ?? (isFirst ? 'entrypoint' : 'exec-in')
    return origin === 'entrypoint' ? plain : { origin, session }
  }

  #below(before: Node | undefined, parent: Node | undefined, root: Root | undefined): Lineage {
    if (before !== undefined) return bare(before)
    if (parent === undefined) return { origin: root ?? 'entrypoint' }
    const ancestors = [parent.exe, ...(parent.ancestors ?? [])].slice(0, maxAncestors)
    return { ...bare(parent), ancestors }
  }
}

function bare({ origin, session, ancestors }: Lineage): Lineage {
  return {
    origin,
    ...(session === undefined ? {} : { session }),
    ...(ancestors === undefined ? {} : { ancestors }),
  }
}

const runtimeNames =
  /^(?:runc|crun|youki|runsc|conmon|dockerd|containerd|crio|(?:docker-)?containerd-shim(?:-[\w-]+)?|kata-runtime)$/

/**
 * Whether the name is that of a container runtime, the parent of a container's first process and of
 * each `docker exec`.
 */
export function isRuntime(exe: string | undefined): boolean {
  if (exe === undefined) return false
  if (exe.startsWith('memfd:runc_cloned')) return true
  return runtimeNames.test(exe.slice(exe.lastIndexOf('/') + 1))
}
