import type { Origin } from '../../../core/event/event-words.ts'
import { maxProcesses } from '../process-tree.ts'

export interface UserOf {
  readonly uid: number
  readonly gid: number
}

/** A process of a sandbox, as the trace showed it. */
export interface SandboxProcess {
  /** `entrypoint:NAME` of what the engine started by its bare name, and {@link unseen}. */
  readonly exe: string
  readonly args: readonly string[]
  readonly ppid?: number
  /** Executables from its parent outwards. */
  readonly parents: readonly string[]
  readonly origin: Origin
  readonly session?: string
  readonly user?: UserOf
}

/** The program of a process whose beginning the trace does not have. What the process calls itself is no name. */
export const unseen = 'unseen:program'
const mostParents = 16
const mostSockets = 4_096

/** The processes of one sandbox. Bounded: of a process that was forgotten the program is {@link unseen}. */
export class Sandbox {
  readonly containers = new Set<string>()
  /** That it could not send so far. */
  dropped = 0
  readonly #processes = new Map<number, SandboxProcess>()
  /** Process and descriptor → type of the socket. */
  readonly #sockets = new Map<string, number>()

  /** @param time of an event of it, for the session of an unseen one */
  process(pid: number, time: string): SandboxProcess {
    return this.#processes.get(pid) ?? this.#keep(pid, sessionOf(pid, time))
  }

  began(pid: number, exe: string, args: readonly string[]): SandboxProcess {
    return this.#keep(pid, { exe, args, parents: [], origin: 'entrypoint' })
  }

  forked(pid: number, by: number, time: string): void {
    const { exe, parents, ...same } = this.process(by, time)
    const all = [exe, ...parents].slice(0, mostParents)
    this.#keep(pid, { ...same, exe, ppid: by, parents: all })
  }

  ran(pid: number, exe: string, args: readonly string[], time: string): SandboxProcess {
    return this.#keep(pid, { ...this.process(pid, time), exe, args })
  }

  became(pid: number, user: UserOf, time: string): void {
    this.#keep(pid, { ...this.process(pid, time), user })
  }

  ended(pid: number): void {
    this.#processes.delete(pid)
  }

  opened(pid: number, fd: number, kind: number): void {
    if (this.#sockets.size >= mostSockets) this.#sockets.clear()
    this.#sockets.set(`${pid} ${fd}`, kind)
  }

  /** Undefined where the process received or inherited it. */
  socketKind(pid: number, fd: number): number | undefined {
    return this.#sockets.get(`${pid} ${fd}`)
  }

  #keep(pid: number, process: SandboxProcess): SandboxProcess {
    if (this.#processes.size >= maxProcesses) this.#processes.clear()
    this.#processes.set(pid, process)
    return process
  }
}

function sessionOf(pid: number, time: string): SandboxProcess {
  return { exe: unseen, args: [], parents: [], origin: 'exec-in', session: `${pid}-${time}` }
}
