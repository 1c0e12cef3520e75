import { Sample } from './sample.ts'

/** The literal event behind a shaped object: it can become one of its witnesses. */
export interface Literal {
  readonly text: string
  /** What stood in each place, see `ShapedPath.values`. */
  readonly values: readonly string[]
  /** What patterns are asked about, where that is not `text`: of a rename, both paths joined by NUL; arguments as they are. */
  readonly subject?: string
}

/** How many distinct values the kin of a behaviour have shown at one of its places. */
export type RelatedShown = (place: number) => number

/** Plain form: sampled literals, and for each place of the shape the values sampled there. */
export interface WitnessesJson {
  readonly literals: readonly string[]
  readonly places: readonly (readonly string[])[]
}

/** What a text is a sample of: the literals, or the values at a place. */
export type Sampled = 'literals' | number

const NO_PLACES: readonly Sample[] = []

/** The literals observed for a shaped behaviour. Bounded, and merges in any order. */
export class Witnesses {
  readonly literals: Sample
  #places = NO_PLACES

  /** @param kept maximum number of literals to keep */
  constructor(kept?: number) {
    this.literals = new Sample(kept)
  }

  get places(): readonly Sample[] {
    return this.#places
  }

  /** True where something changed. */
  add(literal: Literal): boolean {
    let changed = this.literals.add(literal.text)
    for (let i = 0; i < literal.values.length; i++) {
      if (this.#place(i).add(literal.values[i] ?? '')) changed = true
    }
    return changed
  }

  static from(json: WitnessesJson, kept?: number): Witnesses {
    const witnesses = new Witnesses(kept)
    witnesses.merge(json)
    return witnesses
  }

  *texts(): Iterable<readonly [Sampled, string]> {
    for (const text of this.literals.texts) yield ['literals', text]
    for (const [place, values] of this.places.entries()) {
      for (const value of values.texts) yield [place, value]
    }
  }

  /** Forgets all others. */
  keep(isKept: (sampled: Sampled, text: string) => boolean): void {
    this.literals.keep((text) => isKept('literals', text))
    for (const [place, values] of this.places.entries()) {
      values.keep((value) => isKept(place, value))
    }
  }

  copy(): Witnesses {
    return Witnesses.from(this.toJSON(), this.literals.kept)
  }

  merge(other: WitnessesJson): boolean {
    let changed = false
    for (const text of other.literals) if (this.literals.add(text)) changed = true
    for (const [i, values] of other.places.entries()) {
      const place = this.#place(i)
      for (const value of values) if (place.add(value)) changed = true
    }
    return changed
  }

  /**
   * Whether the literal is covered. A place opens after `thresholds[place]` distinct values and
   * then accepts any value of its type; before that it accepts the values that it has seen. While
   * no place is open, only the exact witnesses are covered.
   */
  covers(literal: Literal, thresholds: readonly number[], related?: RelatedShown): boolean {
    let open = thresholds.length === 0
    for (let i = 0; i < thresholds.length; i++) {
      const place = this.places[i]
      if (place === undefined) return false
      if (this.isOpen(i, thresholds[i] ?? Infinity, related)) open = true
      else if (!place.has(literal.values[i] ?? '')) return false
    }
    // A full sample may have dropped literals; the places are then the best approximation.
    return open || this.literals.full || this.literals.has(literal.text)
  }

  /** Whether a place stands for its type: by what was shown here, or by the kin. */
  isOpen(place: number, threshold: number, related?: RelatedShown): boolean {
    if ((this.places[place]?.size ?? 0) >= threshold) return true
    return related !== undefined && related(place) >= threshold
  }

  /** True where it stands for more than its witnesses. */
  open(thresholds: readonly number[], related?: RelatedShown): boolean {
    return thresholds.length === 0 || thresholds.some((n, i) => this.isOpen(i, n, related))
  }

  toJSON(): WitnessesJson {
    return {
      literals: this.literals.toJSON(),
      places: this.places.map((place) => place.toJSON()),
    }
  }

  #place(i: number): Sample {
    const known = this.#places[i]
    if (known !== undefined) return known
    const more = Array.from({ length: i + 1 - this.#places.length }, () => new Sample())
    this.#places = this.#places.concat(more)
    return this.#place(i)
  }
}
