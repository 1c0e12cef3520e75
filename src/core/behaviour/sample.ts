import { WITNESSES_KEPT } from './generalise.ts'

/** Most samples stay small: an array that grows by itself reserves seventeen elements. */
const GROWN_EXACTLY = 8
/** Of all samples of nothing; never changed. */
const NO_RANKS: number[] = []
const NO_TEXTS: string[] = []

/** Spreads strings over 32 bits, so that which witnesses are kept does not depend on their order. */
function rank(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * The few strings of lowest rank among all that were added. INVARIANT: the same for any order of adding
 * and for any way of merging parts; complete as long as it is not full.
 */
export class Sample {
  readonly kept: number
  #ranks = NO_RANKS
  #texts = NO_TEXTS

  constructor(kept = WITNESSES_KEPT) {
    this.kept = kept
  }

  static of(texts: Iterable<string>): Sample {
    const sample = new Sample()
    for (const text of texts) sample.add(text)
    return sample
  }

  get size(): number {
    return this.#texts.length
  }

  get full(): boolean {
    return this.#texts.length >= this.kept
  }

  get texts(): readonly string[] {
    return this.#texts
  }

  /** Forgets all others. */
  keep(isKept: (text: string) => boolean): void {
    for (let i = this.#texts.length - 1; i >= 0; i--) {
      if (isKept(this.#texts[i] ?? '')) continue
      this.#texts.splice(i, 1)
      this.#ranks.splice(i, 1)
    }
  }

  has(text: string): boolean {
    return this.#texts.includes(text)
  }

  /** True where the sample changed. */
  add(text: string): boolean {
    const r = rank(text)
    const length = this.#ranks.length
    const worst = this.#ranks[length - 1] ?? 0
    if (length >= this.kept && r > worst) return false
    let i = length
    while (i > 0 && this.#precedes(r, text, i - 1)) i--
    if (i > 0 && this.#texts[i - 1] === text) return false
    if (i >= this.kept) return false
    this.#insert(i, r, text)
    if (length >= this.kept) {
      this.#ranks.pop()
      this.#texts.pop()
    }
    return true
  }

  toJSON(): string[] {
    return [...this.#texts]
  }

  #insert(i: number, r: number, text: string): void {
    if (this.#texts.length >= GROWN_EXACTLY) {
      this.#ranks.splice(i, 0, r)
      this.#texts.splice(i, 0, text)
      return
    }
    this.#ranks = this.#ranks.slice(0, i).concat(r, this.#ranks.slice(i))
    this.#texts = this.#texts.slice(0, i).concat(text, this.#texts.slice(i))
  }

  #precedes(r: number, text: string, i: number): boolean {
    const other = this.#ranks[i] ?? 0
    return r < other || (r === other && text < (this.#texts[i] ?? ''))
  }
}
