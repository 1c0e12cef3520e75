import type { Actor, BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { varied } from '../../core/match/cause.ts'

interface Behaviour {
  readonly actor: Actor
  readonly object: BehaviourObject
}

type Name = string

/** Programs that expected behaviours start or have as their actor. */
export class ExpectedPrograms {
  readonly names = new Set<Name>()
  #actor: Actor | undefined

  add({ actor, object }: Behaviour): void {
    // Behaviours of one actor mostly follow each other.
    if (actor !== this.#actor) this.names.add(ofActor(actor))
    this.#actor = actor
    if (object.kind === 'exec') this.names.add(ofExec(object))
  }
}

/**
 * Programs whose start waits for a decision, and that no expected behaviour starts or has as its actor. Whether such a
 * program may do something follows from whether it may run. So what it does, and what the new programs that it starts
 * do, belongs to its start.
 */
export class NewPrograms {
  readonly #parents: Map<Name, Name>
  readonly #roots: ReadonlyMap<Name, Name>

  private constructor(parents: Map<Name, Name>, roots: ReadonlyMap<Name, Name>) {
    this.#parents = parents
    this.#roots = roots
  }

  static of(waiting: readonly Behaviour[], expected: readonly ExpectedPrograms[]): NewPrograms {
    const starts = waiting.flatMap(({ actor, object }) =>
      object.kind === 'exec' ? [{ by: ofActor(actor), program: ofExec(object) }] : [],
    )
    const parents = new Map(starts.map(({ program }) => [program, program]))
    for (const { names } of expected) for (const name of names) parents.delete(name)
    for (const { by, program } of starts) {
      if (parents.has(by) && parents.has(program)) join(parents, by, program)
    }
    const outside = starts.filter(({ by, program }) => !parents.has(by) && parents.has(program))
    const roots = new Map<Name, Name>()
    // The name of a family does not change as its programs start further ones.
    for (const list of [outside.map(({ program }) => program), [...parents.keys()]]) {
      for (const program of list.sort()) {
        const family = familyOf(parents, program)
        if (!roots.has(family)) roots.set(family, program)
      }
    }
    return new NewPrograms(parents, roots)
  }

  /** The new program from which it follows that the behaviour is new. */
  rootFor({ actor, object }: Behaviour): Name | undefined {
    const own = this.rootOf(actor.exe, actor.script)
    if (own !== undefined || object.kind !== 'exec') return own
    return this.rootOf(object.path, object.script)
  }

  rootOf(exe: string, script: string | undefined): Name | undefined {
    const name = nameOf(exe, script)
    return this.#parents.has(name) ? this.#roots.get(familyOf(this.#parents, name)) : undefined
  }
}

function ofActor({ exe, script }: Actor): Name {
  return nameOf(exe, script)
}

function ofExec({ path, script }: Extract<BehaviourObject, { kind: 'exec' }>): Name {
  return nameOf(path, script)
}

/** Programs and scripts of jobs, whose names are never given twice, are one. */
function nameOf(exe: string, script: string | undefined): Name {
  return script === undefined ? varied(exe) : `${varied(exe)}\u0000${varied(script)}`
}

function familyOf(parents: Map<Name, Name>, name: Name): Name {
  let at = name
  for (let up = parents.get(at); up !== undefined && up !== at; up = parents.get(at)) {
    // Each look shortens the way for the next.
    parents.set(at, parents.get(up) ?? up)
    at = up
  }
  return at
}

function join(parents: Map<Name, Name>, a: Name, b: Name): void {
  parents.set(familyOf(parents, b), familyOf(parents, a))
}
