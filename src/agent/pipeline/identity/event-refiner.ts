import { isLinkLocal } from '../../../core/event/canonical.ts'
import { withReason } from '../../../core/event/file-hash.ts'
import { dnsPeer } from '../../../core/behaviour/dns-name.ts'
import { runsCommand } from '../../../core/behaviour/command-run.ts'
import type { ProgramArguments } from '../../../core/behaviour/arguments.ts'
import type {
  ActEvent,
  ConnectAct,
  ExecAct,
  ExecEvent,
  FileAct,
  ProcessRef,
  SyscallAct,
} from '../../../core/event/event.ts'
import type { AnsweredNames } from './answered-names.ts'
import type { ContainerIdentity, IdentityEngine } from './identity.ts'
import type { ImageFiles } from './image-files.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** Where Docker mounts its own init, for `docker run --init`. */
const engineInits: ReadonlySet<string> = new Set(['/sbin/docker-init', '/dev/init'])
export const maxSessions = 1_024
export const maxExecutables = 4_096

/**
 * Adds facts that the kernel lacks to a container's events: files of the image, health checks,
 * names of addresses. There is one for each container.
 */
export class EventRefiner {
  readonly #engines: readonly IdentityEngine[]
  readonly #files: ImageFiles
  readonly #programs: ProgramArguments | undefined
  readonly #names: AnsweredNames | undefined
  /** Sessions, and whether their first command was the health check's. Most containers have none: absent until the first. */
  #sessions: Map<string, boolean> | undefined
  /** Executables that the kernel saw in the upper layer, and whether their content is the image's own. The same holds. */
  #touched: Map<string, boolean> | undefined

  constructor(
    engines: readonly IdentityEngine[],
    files: ImageFiles,
    programs?: ProgramArguments,
    names?: AnsweredNames,
  ) {
    this.#engines = engines
    this.#files = files
    this.#programs = programs
    this.#names = names
  }

  refine(event: ActEvent, identity: ContainerIdentity): ActEvent {
    switch (event.kind) {
      case 'exec': {
        const exec = this.#withScript(this.#exec(event, identity), event, identity)
        const process = this.#process(event.process, identity, event.time)
        return withReason(withChanges(event, { exec, process }))
      }
      case 'file': {
        const file = this.#file(event.file, identity)
        const process = this.#process(event.process, identity, event.time)
        return withChanges(event, { file, process })
      }
      case 'connect': {
        const connect = this.#connect(event.connect, identity)
        const process = this.#process(event.process, identity, event.time)
        return withChanges(event, { connect, process })
      }
      case 'syscall': {
        const syscall = this.#syscall(event.syscall, identity)
        const process = this.#process(event.process, identity, event.time)
        return withChanges(event, { syscall, process })
      }
      case 'listen':
      case 'identity':
      case 'capability':
        return withChanges(event, {
          process: this.#process(event.process, identity, event.time),
        })
    }
  }

  #exec({ exec, process, time }: ExecEvent, identity: ContainerIdentity): ExecAct {
    if (!exec.drift) return identity.host === undefined ? exec : this.#onHost(exec, identity, time)
    const { driftKind, scriptDrift: _, ...rest } = exec
    // A volume may hide a file of the image under the same name: only the upper layer is looked into.
    if (driftKind !== 'upper') {
      const isInit = driftKind === 'mount' && isEngineInit(process, identity)
      this.#touch(exec, isInit)
      return isInit ? { ...rest, drift: false } : exec
    }
    const same = this.#isCopied(exec.path, exec.script, identity, time)
    this.#touch(exec, same)
    return same ? { ...rest, drift: false } : exec
  }

  /** Which package a file is of, the kernel cannot tell. It reports those that changed since the unit began. */
  #onHost(exec: ExecAct, identity: ContainerIdentity, time: string): ExecAct {
    const isForeign = (path: string): boolean =>
      this.#files.sameAsImage(identity, path, time) === false
    if (isForeign(exec.path)) return { ...exec, drift: true, driftKind: 'upper' }
    if (exec.script === undefined || !isForeign(exec.script)) return exec
    return { ...exec, drift: true, driftKind: 'upper', scriptDrift: true }
  }

  /**
   * A script is code like a program. The kernel has judged one that was executed; one that an
   * interpreter was passed as an argument has only that string. What the runtime starts, an
   * operator has declared.
   */
  #withScript(exec: ExecAct, { process }: ExecEvent, identity: ContainerIdentity): ExecAct {
    const { args = [], parent } = process
    if (exec.drift || parent === undefined || exec.script !== undefined) return exec
    const script = this.#programs?.script(exec.path, args)
    if (script === undefined) return exec
    if (mounted(identity, script)) return exec
    return this.#files.leadsToShipped(identity, script) === false
      ? { ...exec, scriptDrift: true }
      : exec
  }

  #touch(exec: ExecAct, same: boolean): void {
    this.#touched ??= new Map()
    if (this.#touched.size >= maxExecutables) this.#touched.clear()
    this.#touched.set(nameOf(exec.path, exec.script), same)
  }

  #process(given: ProcessRef, identity: ContainerIdentity, time: string): ProcessRef {
    const process = identity.role === 'ephemeral' ? asExecIn(given, identity) : given
    const origin = this.#origin(process, identity)
    const drift = process.drift === true && this.#drifted(process, identity, time)
    // The container's first program sets it. If the sensor missed that, the engine's value applies.
    const declaredUser = process.declaredUser === true || process.uid === identity.user
    const same =
      origin === process.origin &&
      drift === (process.drift === true) &&
      declaredUser === (process.declaredUser === true)
    if (same) return process
    const { drift: _, ...rest } = process
    return withChanges(rest, {
      origin,
      ...(drift ? { drift } : {}),
      ...(declaredUser ? { declaredUser } : {}),
    })
  }

  #drifted(process: ProcessRef, identity: ContainerIdentity, time: string): boolean {
    if (isEngineInit(process, identity)) return false
    const seen = this.#touched?.get(nameOf(process.exe, process.script))
    if (seen !== undefined) return !seen
    return !this.#untouched(process, identity, time)
  }

  /** Without its exec seen here, a running executable counts as the image's if nothing hides the image's file. */
  #untouched({ exe, script }: ProcessRef, identity: ContainerIdentity, time: string): boolean {
    return !mounted(identity, exe) && this.#isCopied(exe, script, identity, time)
  }

  /**
   * Whether code that the kernel found in the upper layer has the image's content. The program or its script is there by
   * its name: where neither is, a mount of the container gave the name to another file.
   */
  #isCopied(
    program: string,
    script: string | undefined,
    identity: ContainerIdentity,
    time: string,
  ): boolean {
    const paths = script === undefined ? [program] : [program, script]
    return (
      paths.every((path) => this.#files.sameAsImage(identity, path, time) === true) &&
      paths.some((path) => this.#files.isInUpper(identity, path))
    )
  }

  #origin(process: ProcessRef, identity: ContainerIdentity): ProcessRef['origin'] {
    const { origin, session } = process
    if (isEngineInit(process, identity)) return 'init'
    if (origin !== 'exec-in' || session === undefined) return origin
    const decided = this.#sessions?.get(session)
    if (decided !== undefined) return decided ? 'probe' : origin
    if (identity.probes === undefined || process.args === undefined) return origin
    // Only the first command identifies a session as a probe: an operator's shell may run the same
    // check.
    const probe = identity.probes.some((command) => runsCommand(process, command))
    this.#sessions ??= new Map()
    if (this.#sessions.size >= maxSessions) {
      const [oldest] = this.#sessions.keys()
      if (oldest !== undefined) this.#sessions.delete(oldest)
    }
    this.#sessions.set(session, probe)
    return probe ? 'probe' : origin
  }

  #file(file: FileAct, identity: ContainerIdentity): FileAct {
    if (file.shipped !== undefined) return file
    const { path, to, access } = file
    const isNamed = to !== undefined && access.some((one) => one === 'create' || one === 'rename')
    const shipped = this.#files.shipped(identity, path) === true
    const toShipped = isNamed && this.#files.shipped(identity, to) === true
    if (!shipped && !toShipped) return file
    return { ...file, ...(shipped && { shipped }), ...(toShipped && { toShipped }) }
  }

  /** The event has no mode: what the file is by now decides. */
  #syscall(syscall: SyscallAct, identity: ContainerIdentity): SyscallAct {
    const { name, target } = syscall
    if (name !== 'chmod' || target === undefined || mounted(identity, target)) return syscall
    const asShipped = this.#files.isSetuidAsShipped(identity, target) === true
    return asShipped ? { ...syscall, asShipped } : syscall
  }

  /** What an engine knows comes first: a DNS name may lead to any address. */
  #connect(connect: ConnectAct, { id }: ContainerIdentity): ConnectAct {
    if (connect.name !== undefined || isLinkLocal(connect.address)) return connect
    for (const engine of this.#engines) {
      const found = engine.peer(connect.address)
      if (found === undefined) continue
      const { name, ...peer } = found
      return { ...connect, name, ...(Object.keys(peer).length === 0 ? {} : { peer }) }
    }
    const answered = this.#names?.nameOf(id, connect.address)
    return answered === undefined ? connect : { ...connect, name: dnsPeer(answered) }
  }
}

/**
 * An ephemeral container is an operator's session, like `kubectl exec`, but in a separate
 * container.
 */
function asExecIn(process: ProcessRef, { id }: ContainerIdentity): ProcessRef {
  return { ...process, origin: 'exec-in', session: process.session ?? id.slice(0, 16) }
}

/**
 * The engine's init is the first program of its container. The kernel has made sure that its file is on a mount that the
 * container cannot write to, where the container was assigned before its start.
 */
function isEngineInit(
  { exe, origin, parent }: ProcessRef,
  { initInjected }: ContainerIdentity,
): boolean {
  return initInjected && origin === 'entrypoint' && parent === undefined && engineInits.has(exe)
}

function mounted(identity: ContainerIdentity, path: string): boolean {
  return identity.mounts.some((at) => path === at || path.startsWith(`${at}/`))
}

function nameOf(path: string, script: string | undefined): string {
  return script === undefined ? path : `${path}\n${script}`
}
