/** A character holds seven bits of a number, and whether more follow. */
const DIGIT = 128
/** Bytes of a new writer: more than most texts have. */
const ROOM = 4_096

/** Writers follow each other, and one does not need its bytes any more once it has the text. */
let spare: Buffer | undefined

/**
 * Numbers as a text of one-byte characters. That costs less than a typed array, whose header alone has a hundred bytes.
 */
export class NumberWriter {
  #bytes = spare ?? Buffer.allocUnsafe(ROOM)
  #length = 0
  #isExact = true

  constructor() {
    spare = undefined
  }

  /** Numbers other than safe integers from zero on have no such form: then there is no {@link text}. */
  add(number: number): void {
    if (!Number.isSafeInteger(number) || number < 0) {
      this.#isExact = false
      return
    }
    let rest = number
    while (rest >= DIGIT) {
      const higher = Math.floor(rest / DIGIT)
      this.#put(rest - higher * DIGIT + DIGIT)
      rest = higher
    }
    this.#put(rest)
  }

  #put(code: number): void {
    if (this.#length === this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, this.#bytes])
    }
    this.#bytes[this.#length] = code
    this.#length += 1
  }

  /** Adds a number that may be below zero, and is of at most 2^52 in size. */
  addSigned(number: number): void {
    this.add(number < 0 ? -2 * number - 1 : 2 * number)
  }

  /** Undefined where a number has no such form. To be asked once, after all of them. */
  text(): string | undefined {
    const text = this.#isExact ? this.#bytes.toString('latin1', 0, this.#length) : undefined
    spare = this.#bytes
    return text
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
