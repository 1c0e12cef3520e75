import type { Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Actor, BehaviourRef } from '../behaviour/behaviour.ts'
import { isShaped, literalPath } from '../behaviour/shape.ts'
import type { User } from '../behaviour/user.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { Derivation } from './derivation.ts'
import { isOfKernel } from './program-files.ts'

/** An actor that read this many files of one folder of the image reads data there, and may read the rest of it. */
export const DATA_WITNESSES = 3

/** The kernel's tables hold at most this many beside the profile. */
const MOST_READS = 32_768

/** What a read follows from: the program that it comes with, or the other data that was read in its folder. */
export type DerivedFrom = 'program' | 'image data'

export interface DerivedRead {
  readonly actor: Actor
  readonly uid: User
  readonly origin: Origin
  readonly path: string
  readonly from: DerivedFrom
}

const S = '\u0000'

const programKey = (exe: string, script: string | undefined): string => `${exe}${S}${script ?? ''}`

type Entries = Map<string, Set<Allowance>>

/**
 * Which reads of an image's files a profile implies, without having seen them. They hold only for a file that is as
 * the image ships it, for an actor whose program the profile expects to run as that user and from that origin.
 */
export class DerivedReads {
  /** Absent where the image's files cannot be read: then nothing follows. */
  derivation: Derivation | undefined
  /** False where the kernel's tables are too small for them: user space must then not expect them either. */
  inKernel = true
  /** Allowances to run a program, or with the program as actor. */
  readonly #programs: Entries = new Map()
  /** Literal reads, by actor, uid and folder. */
  readonly #folders: Entries = new Map()

  replace(old: Allowance | undefined, now: Allowance | undefined): void {
    if (old !== undefined) this.#each(old, (entries, key) => entries.get(key)?.delete(old))
    if (now === undefined) return
    this.#each(now, (entries, key) => {
      const known = entries.get(key)
      if (known === undefined) entries.set(key, new Set([now]))
      else known.add(now)
    })
  }

  /**
   * The basis of a read, regardless of the user that runs the program; undefined where it is a separate behaviour. So is
   * a read of the kernel's: where it was seen, its rule must not wait for the image's files, as after a restart.
   */
  fromOf(ref: BehaviourRef, now: () => Micros): DerivedFrom | undefined {
    const path = this.#pathOf(ref)
    if (this.derivation === undefined || path === undefined || isOfKernel(path)) return undefined
    if (this.derivation.filesOf(ref.actor).has(path)) return 'program'
    return this.#isData(this.derivation, ref, path, now) ? 'image data' : undefined
  }

  /** Whether the profile would expect the read if it expected the run of its program. */
  followsRun(ref: BehaviourRef): boolean {
    const path = this.inKernel ? this.#pathOf(ref) : undefined
    return path !== undefined && this.derivation?.filesOf(ref.actor).has(path) === true
  }

  /** The allowance that the read follows from. */
  covers(ref: BehaviourRef, now: () => Micros): Allowance | undefined {
    const path = this.inKernel ? this.#pathOf(ref) : undefined
    if (this.derivation === undefined || path === undefined) return undefined
    if (this.derivation.filesOf(ref.actor).has(path)) {
      const { exe, script } = ref.actor
      for (const one of this.#programs.get(programKey(exe, script)) ?? []) {
        if (one.uid === ref.uid && allows(one, ref.origin, now())) return one
      }
    }
    return this.#isData(this.derivation, ref, path, now)
  }

  /** All that follows, each once; undefined where it is too much for the kernel. */
  all(now: Micros): readonly DerivedRead[] | undefined {
    const { derivation } = this
    const reads = new Map<string, DerivedRead>()
    if (derivation === undefined) return []
    const add = (read: DerivedRead): boolean => {
      const { actor, uid, origin, path } = read
      const key = [actor.exe, actor.script ?? '', uid, origin, path].join(S)
      if (!reads.has(key)) reads.set(key, read)
      return reads.size <= MOST_READS
    }
    for (const [key, allowances] of this.#programs) {
      const actor = actorOf(key)
      const paths = derivation.filesOf(actor)
      for (const { uid, origin } of runsOf(allowances, now)) {
        for (const path of paths) if (!add({ actor, uid, origin, path, from: 'program' })) return
      }
    }
    for (const allowances of this.#folders.values()) {
      const [first] = allowances
      if (first === undefined || first.object.kind !== 'file') continue
      const { actor, uid } = first
      const data = derivation.dataIn(folderOf(literalPath(first.object.path)))
      for (const origin of dataOrigins(allowances, data, now)) {
        for (const path of data) if (!add({ actor, uid, origin, path, from: 'image data' })) return
      }
    }
    return [...reads.values()]
  }

  #isData(
    derivation: Derivation,
    { actor, uid, origin }: BehaviourRef,
    path: string,
    now: () => Micros,
  ): Allowance | undefined {
    const folder = folderOf(path)
    const read = this.#folders.get(folderKey(actor, uid, folder))
    if (read === undefined || read.size < DATA_WITNESSES) return undefined
    const data = derivation.dataIn(folder)
    if (!data.has(path)) return undefined
    const at = now()
    let witnesses = 0
    for (const one of read) {
      if (one.object.kind !== 'file' || !data.has(literalPath(one.object.path))) continue
      if (!allows(one, origin, at)) continue
      witnesses += 1
      if (witnesses >= DATA_WITNESSES) return one
    }
    return undefined
  }

  #pathOf({ object, layer, literal }: BehaviourRef): string | undefined {
    if (object.kind !== 'file' || object.access !== 'read' || literal !== undefined)
      return undefined
    const path = literalPath(object.path)
    return layer === 'image' || isOfKernel(path) ? path : undefined
  }

  #each(allowance: Allowance, visit: (entries: Entries, key: string) => void): void {
    const { actor, uid, object } = allowance
    visit(this.#programs, programKey(actor.exe, actor.script))
    // A program that the image did not ship implies no reads of the image's files.
    if (object.kind === 'exec' && object.drift !== true) {
      visit(this.#programs, programKey(object.path, object.script))
    }
    if (object.kind !== 'file' || object.access !== 'read' || isShaped(object.path)) return
    visit(this.#folders, folderKey(actor, uid, folderOf(literalPath(object.path))))
  }
}

function allows(allowance: Allowance, origin: Origin, now: Micros): boolean {
  return !allowance.rejected && allowance.grantsAt(now).includes(origin)
}

/** As which users, and from which origins, the program is expected to run. */
function runsOf(
  allowances: Iterable<Allowance>,
  now: Micros,
): Iterable<{ readonly uid: User; readonly origin: Origin }> {
  const runs = new Map<string, { readonly uid: User; readonly origin: Origin }>()
  for (const allowance of allowances) {
    if (allowance.rejected) continue
    const { uid } = allowance
    for (const origin of allowance.grantsAt(now).origins)
      runs.set(`${uid} ${origin}`, { uid, origin })
  }
  return runs.values()
}

function dataOrigins(
  allowances: Iterable<Allowance>,
  data: ReadonlySet<string>,
  now: Micros,
): readonly Origin[] {
  const witnesses = new Map<Origin, number>()
  for (const allowance of allowances) {
    const { object, rejected } = allowance
    if (rejected || object.kind !== 'file' || !data.has(literalPath(object.path))) continue
    for (const origin of allowance.grantsAt(now).origins) {
      witnesses.set(origin, (witnesses.get(origin) ?? 0) + 1)
    }
  }
  return [...witnesses].filter(([, count]) => count >= DATA_WITNESSES).map(([origin]) => origin)
}

function folderKey({ exe, script }: Actor, uid: User, folder: string): string {
  return `${programKey(exe, script)}${S}${uid}${S}${folder}`
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function actorOf(key: string): Actor {
  const [exe = '', script = ''] = key.split(S)
  return script === '' ? { exe } : { exe, script }
}
