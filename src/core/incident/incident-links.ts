import type { IncidentFact } from './incident-fact.ts'

/** Why an alert is in an incident: what it has in common with another alert of it. */
export const linkKinds = [
  'session',
  'process-tree',
  'container',
  'replica',
  'destination',
  'summary',
] as const
export type LinkKind = (typeof linkKinds)[number]

interface Link {
  readonly kind: LinkKind
  readonly to: number
}

/** Facts by number, joined by links. A link that joins nothing new is not kept: n facts have at most n − 1 links. */
export class IncidentLinks {
  readonly #facts: readonly IncidentFact[]
  readonly #parents: number[]
  /** Of the first of each group. */
  readonly #grave: boolean[]
  readonly #links: Link[][]

  constructor(facts: readonly IncidentFact[]) {
    this.#facts = facts
    this.#parents = facts.map((_, at) => at)
    this.#grave = facts.map(({ role }) => role === 'grave')
    this.#links = facts.map(() => [])
  }

  join(a: number, b: number, kind: LinkKind): void {
    const [one, other] = [this.first(a), this.first(b)]
    if (one === other) return
    const [first, later] = one < other ? [one, other] : [other, one]
    this.#parents[later] = first
    this.#grave[first] = this.#grave[first] === true || this.#grave[later] === true
    this.#links[a]?.push({ kind, to: b })
    this.#links[b]?.push({ kind, to: a })
  }

  /** The lowest number of the group of `at`. */
  first(at: number): number {
    let root = at
    while (this.#parents[root] !== root) root = this.#parents[root] as number
    // The path is made short for the next time.
    for (let next = at; next !== root; ) {
      const above = this.#parents[next] as number
      this.#parents[next] = root
      next = above
    }
    return root
  }

  /** Whether the group of `at` has a grave alert. */
  isGrave(at: number): boolean {
    return this.#grave[this.first(at)] === true
  }

  /** The group of `at`, each with the link by which it joins from there. */
  from(at: number): readonly { readonly fact: IncidentFact; readonly link?: Link }[] {
    const seen = new Set([at])
    const found: { readonly at: number; readonly link?: Link }[] = [{ at }]
    for (const { at: here } of found) {
      for (const { kind, to } of this.#links[here] ?? []) {
        if (seen.has(to)) continue
        seen.add(to)
        found.push({ at: to, link: { kind, to: here } })
      }
    }
    return found.map(({ at: each, ...link }) => ({
      fact: this.#facts[each] as IncidentFact,
      ...link,
    }))
  }
}
