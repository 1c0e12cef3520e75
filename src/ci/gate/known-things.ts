import type { Allowance } from '../../core/profile/allowance.ts'
import { type Actor, type BehaviourObject, objectKey } from '../../core/behaviour/behaviour.ts'
import { actorText } from '../../core/behaviour/describe.ts'
import type { ProfileReader } from '../../core/profile/profile-reader.ts'
import { userText } from '../../core/behaviour/user.ts'

type Exec = Extract<BehaviourObject, { kind: 'exec' }>

/** What a baseline expects of any actor: the actors, the programs that run, and the objects regardless of the actor. */
export class KnownThings {
  readonly #baseline: ProfileReader
  readonly #programs = new Set<string>()
  readonly #actors = new Set<string>()
  readonly #roots = new Set<string>()

  constructor(baseline: ProfileReader) {
    this.#baseline = baseline
    for (const allowance of baseline.all()) {
      if (!allows(allowance)) continue
      const { actor, uid, object } = allowance
      this.#actors.add(actorName(actor))
      if (uid === 0) this.#roots.add(actorName(actor))
      if (object.kind === 'exec') {
        this.#programs.add(programKey(object))
        this.#actors.add(object.script ?? object.path)
      }
    }
  }

  /** Whether any actor runs that program. A program not from the image, or with a socket as input, is another one. */
  runs(object: Exec): boolean {
    return this.#programs.has(programKey(object))
  }

  does(object: BehaviourObject): boolean {
    return this.#baseline.byObject(object).some(allows)
  }

  whoDoes(object: BehaviourObject): string | undefined {
    const [first] = this.#baseline.byObject(object).filter(allows)
    return first === undefined ? undefined : `${actorText(first.actor)} as ${userText(first.uid)}`
  }

  /** Whether the same program does it as another user. */
  doesAsAnother({ actor, object }: { readonly actor: Actor; readonly object: BehaviourObject }) {
    const key = objectKey(object)
    return this.#baseline
      .byActor(object.kind, actor.exe)
      .some((one) => allows(one) && sameActor(one.actor, actor) && objectKey(one.object) === key)
  }

  hasActor(actor: Actor): boolean {
    return this.#actors.has(actorName(actor))
  }

  actsAsRoot(actor: Actor): boolean {
    return this.#roots.has(actorName(actor))
  }
}

function allows(allowance: Allowance): boolean {
  return !allowance.void
}

function actorName({ exe, script }: Actor): string {
  return script ?? exe
}

function sameActor(a: Actor, b: Actor): boolean {
  return a.exe === b.exe && a.script === b.script
}

function programKey({ path, script, drift, socketStdio }: Exec): string {
  return [script ?? path, drift === true ? 'd' : '', socketStdio === true ? 's' : ''].join('\u0000')
}
