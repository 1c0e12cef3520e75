import { WITNESSES_KEPT } from './generalise.ts'

/** Most samples stay small: an array that grows by itself reserves seventeen elements. */
const GROWN_EXACTLY = 8
const NO_TEXTS: readonly string[] = []

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
  /** In order of rank. One alone, as most samples have, is no array. */
  #texts: string | string[] | undefined

  constructor(kept = WITNESSES_KEPT) {
    this.kept = kept
  }

  static of(texts: Iterable<string>): Sample {
    const sample = new Sample()
    for (const text of texts) sample.add(text)
    return sample
  }

  get size(): number {
    if (this.#texts === undefined) return 0
    return typeof this.#texts === 'string' ? 1 : this.#texts.length
  }

  get full(): boolean {
    return this.size >= this.kept
  }

  get texts(): readonly string[] {
    if (this.#texts === undefined) return NO_TEXTS
    return typeof this.#texts === 'string' ? [this.#texts] : this.#texts
  }

  /** Forgets all others. */
  keep(isKept: (text: string) => boolean): void {
    const left = this.texts.filter(isKept)
    if (left.length < this.size) this.#set(left)
  }

  has(text: string): boolean {
    return typeof this.#texts === 'string'
      ? this.#texts === text
      : this.#texts?.includes(text) === true
  }

  /** True where the sample changed. */
  add(text: string): boolean {
    const i = this.#placeOf(text)
    if (i >= this.kept || this.#at(i) === text) return false
    this.#insert(i, text)
    return true
  }

  toJSON(): string[] {
    return [...this.texts]
  }

  #at(i: number): string | undefined {
    if (typeof this.#texts !== 'string') return this.#texts?.[i]
    return i === 0 ? this.#texts : undefined
  }

  #set(texts: string[]): void {
    this.#texts = texts.length > 1 ? texts : texts[0]
  }

  #insert(i: number, text: string): void {
    const texts = this.#texts
    if (Array.isArray(texts) && texts.length >= GROWN_EXACTLY) {
      texts.splice(i, 0, text)
      if (texts.length > this.kept) texts.pop()
      return
    }
    const all = this.texts
    this.#set(all.slice(0, i).concat(text, all.slice(i, this.kept - 1)))
  }

  /**
   * Before all that come after it. Ranks are computed again: to keep them costs more than most texts. The last one is
   * asked first, as texts come in order from other samples, and a full sample takes few more.
   */
  #placeOf(text: string): number {
    const r = rank(text)
    const last = this.size - 1
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
    const other = this.#at(i) ?? ''
    const theirs = rank(other)
    return theirs < r || (theirs === r && other < text)
  }
}
