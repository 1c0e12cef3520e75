/** A character holds seven bits of a number, and whether more follow. */
const DIGIT = 128
/** A call takes only so many arguments. */
const AT_ONCE = 4_096

/**
 * Numbers as a text of one-byte characters. That costs less than a typed array, whose header alone has a hundred bytes.
 */
export class NumberWriter {
  readonly #codes: number[] = []
  #isExact = true

  /** Numbers other than safe integers from zero on have no such form: then there is no {@link text}. */
  add(number: number): void {
    if (!Number.isSafeInteger(number) || number < 0) {
      this.#isExact = false
      return
    }
    let rest = number
    while (rest >= DIGIT) {
      const higher = Math.floor(rest / DIGIT)
      this.#codes.push(rest - higher * DIGIT + DIGIT)
      rest = higher
    }
    this.#codes.push(rest)
  }

  /** The same of a number that may be below zero, and of at most 2^52 in size. */
  addSigned(number: number): void {
    this.add(number < 0 ? -2 * number - 1 : 2 * number)
  }

  /** Undefined where a number has no such form. */
  text(): string | undefined {
    if (!this.#isExact) return undefined
    const codes = this.#codes
    if (codes.length <= AT_ONCE) return String.fromCharCode(...codes)
    const parts: string[] = []
    for (let at = 0; at < codes.length; at += AT_ONCE) {
      parts.push(String.fromCharCode(...codes.slice(at, at + AT_ONCE)))
    }
    return parts.join('')
  }
}

/** The numbers of a text that {@link NumberWriter} wrote, in the same order. */
export class NumberReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  next(): number {
    let number = 0
    let scale = 1
    for (;;) {
      const code = this.#text.charCodeAt(this.#at++)
      if (code < DIGIT) return number + code * scale
      number += (code - DIGIT) * scale
      scale *= DIGIT
    }
  }

  nextSigned(): number {
    const number = this.next()
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2
  }
}
