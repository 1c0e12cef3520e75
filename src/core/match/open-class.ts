import { type BehaviourRef, behaviourKey, type Actor, runtime } from '../behaviour/behaviour.ts'
import { isOfClass } from '../behaviour/any-program.ts'
import type { User } from '../behaviour/user.ts'
import type { ActEvent, FileAct } from '../event/event.ts'
import type { Origin } from '../event/event-words.ts'
import { type Micros, microsOf } from '../event/time.ts'
import { isRefused, matchedRuleOf } from '../profile/matched-rule.ts'
import type { Profile } from '../profile/profile.ts'
import type { Guardrails } from './guardrail.ts'
import { callsOnFiles, isRightToFiles } from './open-acts.ts'
import { isIn, openFoldersOf, type OpenFolders } from './open-folders.ts'
import { placeClassOf } from './place-class.ts'
import { isLocal } from './risk-facts.ts'

/** Who has behaviours of a kind. */
interface Author {
  readonly actor: Actor
  readonly uid: User
  readonly origin: Origin
}

type FileObject = Extract<BehaviourRef['object'], { kind: 'file' }>

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
  #authors: ReadonlyMap<string, readonly Author[]> | undefined

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
    switch (object.kind) {
      case 'exec':
        return event.kind === 'exec' && this.#mayRun(ref, event)
      case 'file':
        return event.kind === 'file' && this.#mayUse(ref, object, event, now)
      case 'listen':
        return this.#isUnguarded(ref, event)
      case 'connect':
        return this.#isUnguarded(ref, event) && (isLocal(ref) || this.#isOfAnother(ref, now))
      case 'identity':
        // What root gives up is no gain.
        return (
          this.#isUnguarded(ref, event) && (object.from.uid === 0 || this.#isOfAnother(ref, now))
        )
      case 'capability':
        return this.#isUnguarded(ref, event) && this.#isOfAnother(ref, now)
      case 'syscall': {
        const { target } = object
        if (!callsOnFiles.has(object.name) || !this.#isUnguarded(ref, event)) return false
        return target === undefined || this.#isWork(target)
      }
    }
  }

  #mayRun(ref: BehaviourRef, event: Extract<ActEvent, { kind: 'exec' }>): boolean {
    const { path, script, drift } = event.exec
    const run = script ?? path
    const isExpected = drift ? isIn(run, this.folders.programs) : this.folders.ran.has(run)
    if (drift && !isExpected) return false
    return this.#isUnguarded(ref, event, isExpected)
  }

  #mayUse(
    ref: BehaviourRef,
    object: FileObject,
    event: Extract<ActEvent, { kind: 'file' }>,
    now: Micros,
  ): boolean {
    const { file } = event
    const paths = pathsOf(object, file)
    if (paths.some((path) => placeClassOf(path) === 'secret')) return false
    if (object.access === 'read') return this.#isUnguarded(ref, event)
    if (object.access === 'exec')
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
    const authors = this.#authors.get(ref.object.kind) ?? []
    const theirs = authors.map(({ actor, uid, origin }) => {
      return { ...ref, actor, uid, origin, key: behaviourKey(actor, uid, ref.object) }
    })
    // As in the kernel: what a person rejected of one program is rejected of any.
    if (theirs.some((one) => isRefused(this.#known, one, now))) return false
    return theirs.some((one) => matchedRuleOf(this.#known, one, () => now) !== undefined)
  }
}

/** A hard link is a read and a write of the file that it names. */
function pathsOf({ access }: FileObject, { path, to }: FileAct): readonly string[] {
  if (to === undefined) return [path]
  return access === 'create' ? [path] : access === 'rename' ? [path, to] : [to]
}

function authorsIn(known: Profile): ReadonlyMap<string, readonly Author[]> {
  const authors = new Map<string, Map<string, Author>>()
  for (const allowance of known.all()) {
    const { actor, uid, object } = allowance
    const { kind } = object
    if (kind === 'exec' || kind === 'syscall' || isOfClass(actor)) continue
    const ofKind = authors.get(kind) ?? new Map<string, Author>()
    authors.set(kind, ofKind)
    const origins = allowance.rejected ? (['entrypoint'] as const) : allowance.origins
    for (const origin of origins)
      ofKind.set(JSON.stringify([actor, uid, origin]), { actor, uid, origin })
  }
  return new Map([...authors].map(([kind, ofKind]) => [kind, [...ofKind.values()]]))
}
