import { isOfClass } from '../behaviour/any-program.ts'
import { type Actor, type BehaviourRef, behaviourKey, runtime } from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import type { ActEvent, FileAct } from '../event/event.ts'
import type { Access, Origin } from '../event/event-words.ts'
import { type Micros, microsOf } from '../event/time.ts'
import { isRefused, matchedRuleOf } from '../profile/matched-rule.ts'
import type { Profile } from '../profile/profile.ts'
import { withChanges } from '../with-changes.ts'
import { forFiles } from './act-parts.ts'
import type { Guardrails } from './guardrail.ts'
import { isIn, openFoldersOf, type OpenFolders } from './open-folders.ts'
import { placeClassOf } from './place-class.ts'
import { isLocal } from './risk.ts'

/**
 * What differs in every run of a job of CI: it runs programs, works on files and listens. Only a guardrail makes a finding
 * of these. Connections to other machines, changes of identity and sensitive system calls stay strict.
 */
export function isOpenAct(
  event: ActEvent,
  refs: readonly BehaviourRef[],
  guardrails: Pick<Guardrails, 'fired' | 'guards'>,
): boolean {
  return refs.every((ref) => {
    if (isRightToFiles(ref)) return true
    const { object } = ref
    if (object.kind === 'syscall' && guardrails.guards(object.target ?? '')) return false
    return isOpenToAny(ref) !== false && guardrails.fired(ref, event, false).length === 0
  })
}

/** The files are acts themselves. */
function isRightToFiles({ object }: BehaviourRef): boolean {
  return object.kind === 'capability' && forFiles.has(object.name)
}

/** Whether any program may do it where the set of programs is open; undefined where more is asked. */
function isOpenToAny(ref: BehaviourRef): boolean | undefined {
  const { object } = ref
  switch (object.kind) {
    case 'listen':
      return true
    case 'connect':
      return isLocal(ref)
    case 'identity':
      // What root gives up is no gain.
      return object.from.uid === 0
    case 'syscall':
      return callsOnFiles.has(object.name)
    case 'exec':
    case 'file':
    case 'capability':
      return undefined
  }
}

/** System calls that a file is the object of. */
const callsOnFiles: ReadonlySet<string> = new Set([
  'utimensat',
  'truncate',
  'mknod',
  'memfd_create',
])

/** A job has no image: whatever it built or fetched is as much its own as the rest. Anonymous memory stays foreign. */
export function withoutImage(event: ActEvent): ActEvent {
  const { drift, ...plain } = event.process
  const process = drift === true ? plain : event.process
  if (event.kind === 'exec' && event.exec.driftKind !== 'memfd') {
    const { driftKind: _, scriptDrift: __, ...exec } = event.exec
    return withChanges(event, { process, exec: { ...exec, drift: false } })
  }
  if (event.kind === 'file' && event.file.layer !== undefined && event.file.path.startsWith('/')) {
    const { layer: _, ...file } = event.file
    return withChanges(event, { process, file })
  }
  return process === event.process ? event : withChanges(event, { process })
}

/**
 * What a version of class `open` expects beside its profile, as its set of programs does not close. Programs of the image
 * run, and so do those below the folders where its window showed programs to be installed. They read files, change those
 * below its work folders, listen, and talk to peers on the same host. With other peers, files and rights, each may do what
 * some program of the version is expected to do.
 *
 * All else stays closed, by program as ever: what a guardrail protects, secrets, other places, sensitive system calls.
 */
export class OpenClass {
  readonly folders: OpenFolders
  readonly #known: Profile
  readonly #guardrails: Guardrails
  #authors: readonly Author[] | undefined

  /** Reads all of the profile: one for each decision on the version. */
  constructor(known: Profile, guardrails: Guardrails) {
    this.#known = known
    this.#guardrails = guardrails
    this.folders = openFoldersOf(known.outline(), (id) => guardrails.isOfPrograms(id))
  }

  /** @param refs behaviours of the event that the profile does not expect */
  expects(event: ActEvent, refs: readonly BehaviourRef[]): boolean {
    const now = microsOf(event.time)
    return refs.every((ref) => {
      if (isRefused(this.#known, ref, now)) return false
      // Who enters the container from outside is not one of its programs.
      if (ref.actor.exe === runtime.exe && ref.origin === 'exec-in') return false
      return isRightToFiles(ref) || this.#isOpen(ref, event, now)
    })
  }

  #isOpen(ref: BehaviourRef, event: ActEvent, now: Micros): boolean {
    const { object } = ref
    if (object.kind === 'exec') return event.kind === 'exec' && this.#mayRun(ref, event)
    if (object.kind === 'file') {
      return event.kind === 'file' && this.#mayUse(ref, object.access, event, now)
    }
    if (!this.#isUnguarded(ref, event)) return false
    if (isOpenToAny(ref) !== true) return this.#isOfAnother(ref, now)
    return object.kind !== 'syscall' || object.target === undefined || this.#isWork(object.target)
  }

  #mayRun(ref: BehaviourRef, event: Extract<ActEvent, { kind: 'exec' }>): boolean {
    const { path, script, drift } = event.exec
    const run = script ?? path
    const isExpected = drift ? isIn(run, this.folders.programs) : this.folders.ran.has(run)
    return (isExpected || !drift) && this.#isUnguarded(ref, event, isExpected)
  }

  #mayUse(
    ref: BehaviourRef,
    access: Access,
    event: Extract<ActEvent, { kind: 'file' }>,
    now: Micros,
  ): boolean {
    const { file } = event
    const paths = pathsOf(access, file)
    if (paths.some((path) => placeClassOf(path) === 'secret')) return false
    if (access === 'read') return this.#isUnguarded(ref, event)
    if (access === 'exec')
      return this.#isUnguarded(ref, event, isIn(file.path, this.folders.programs))
    // What the image ships is not installed: it is replaced.
    const isNew = file.shipped !== true && file.toShipped !== true
    if (!this.#isUnguarded(ref, event, isNew)) return false
    return paths.every((path) => this.#isWork(path)) || this.#isOfAnother(ref, now)
  }

  #isWork(path: string): boolean {
    return isIn(path, this.folders.work)
  }

  /** @param isProgram the class has an answer to guardrails that are about which programs there are */
  #isUnguarded(ref: BehaviourRef, event: ActEvent, isProgram = false): boolean {
    const guardrails = this.#guardrails
    return guardrails
      .fired(ref, event, false)
      .every(({ id }) => isProgram && guardrails.isOfPrograms(id))
  }

  /** Whether the profile expects it of another program. */
  #isOfAnother(ref: BehaviourRef, now: Micros): boolean {
    this.#authors ??= authorsIn(this.#known)
    const theirs = this.#authors
      .filter(({ kind }) => kind === ref.object.kind)
      .map(({ actor, uid, origin }) => {
        return { ...ref, actor, uid, origin, key: behaviourKey(actor, uid, ref.object) }
      })
    // As in the kernel: what a person rejected of one program is rejected of any.
    if (theirs.some((one) => isRefused(this.#known, one, now))) return false
    return theirs.some((one) => matchedRuleOf(this.#known, one, () => now) !== undefined)
  }
}

/** A hard link is a read and a write of the file that it names. */
function pathsOf(access: Access, { path, to }: FileAct): readonly string[] {
  if (to === undefined || access === 'create') return [path]
  return access === 'rename' ? [path, to] : [to]
}

/** Who has behaviours of a kind. */
interface Author {
  readonly kind: string
  readonly actor: Actor
  readonly uid: User
  readonly origin: Origin
}

function authorsIn(known: Profile): readonly Author[] {
  const authors = new Map<string, Author>()
  for (const allowance of known.all()) {
    const { actor, uid, object } = allowance
    const { kind } = object
    if (kind === 'exec' || kind === 'syscall' || isOfClass(actor)) continue
    const origins = allowance.rejected ? (['entrypoint'] as const) : allowance.origins
    for (const origin of origins)
      authors.set(JSON.stringify([kind, actor, uid, origin]), { kind, actor, uid, origin })
  }
  return [...authors.values()]
}
