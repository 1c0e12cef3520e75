import { WITNESSES_KEPT } from './generalise.ts'

/** Most samples stay small: an array that grows by itself reserves seventeen elements. */
const GROWN_EXACTLY = 8
/** Of all samples of nothing; never changed. */
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
    }
  }

  has(text: string): boolean {
    return this.#texts.includes(text)
  }

  /** True where the sample changed. */
  add(text: string): boolean {
    const i = this.#placeOf(text)
    if (i >= this.kept || this.#texts[i] === text) return false
    const wasFull = this.full
    this.#insert(i, text)
    if (wasFull) this.#texts.pop()
    return true
  }

  toJSON(): string[] {
    return [...this.#texts]
  }

  #insert(i: number, text: string): void {
    if (this.#texts.length >= GROWN_EXACTLY) {
      this.#texts.splice(i, 0, text)
      return
    }
    this.#texts = this.#texts.slice(0, i).concat(text, this.#texts.slice(i))
  }

  /**
   * Before all that come after it. Ranks are computed again: to keep them costs more than most texts. The last one is
   * asked first, as texts come in order from other samples, and a full sample takes few more.
   */
  #placeOf(text: string): number {
    const r = rank(text)
    const last = this.#texts.length - 1
    if (last < 0 || this.#isBefore(last, r, text)) return last + 1
    let [from, to] = [0, last]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#isBefore(middle, r, text)) from = middle + 1
      else to = middle
    }
    return from
  }

  #isBefore(i: number, r: number, text: string): boolean {
    const other = this.#texts[i] ?? ''
    const theirs = rank(other)
    return theirs < r || (theirs === r && other < text)
  }
}
