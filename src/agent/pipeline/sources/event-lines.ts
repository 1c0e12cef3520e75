import { isUtf8 } from 'node:buffer'
import type { SnugEvent } from '../../../core/event/event.ts'
import { EventLineReader } from '../../../core/event/event-line-reader.ts'
import { describeError, SnugError } from '../../../errors.ts'

interface RejectedEventLine {
  /** From 1. */
  readonly line: number
  readonly code: 'EVENT_INVALID' | 'EVENT_TOO_LONG' | 'EVENT_FILE_CUT'
  readonly message: string
}

export interface ParsedLines {
  readonly events: readonly SnugEvent[]
  /** The line of each event, from 1. */
  readonly lines: readonly number[]
  readonly rejected: readonly RejectedEventLine[]
  /** Number of rejected lines; `rejected` holds only the first few of each call. */
  readonly rejectedCount: number
}

const newline = 0x0a
/** The decoder inserts it for invalid UTF-8, which would make two different paths equal. */
const replacement = '\ufffd'
export const maxLineBytes = 1 << 20
/** Enough to find the fault, and bounded, so that a garbage file does not fill the memory. */
const maxRejectedKept = 100

/**
 * Pushes the events of a line to `into`, any number of them. Throws `EVENT_INVALID` if the line
 * does not match the format.
 */
export type LineTaker = (line: string, into: SnugEvent[]) => void

/** Decodes the events of one stream. */
export function eventTaker(): LineTaker {
  const reader = new EventLineReader()
  return (line, into) => void into.push(reader.read(line))
}

/**
 * Parses chunks of NDJSON into events. A line may span any number of chunks, and empty lines are
 * ignored. The parser rejects an invalid line with its number, and continues. It holds at most one
 * line of {@link maxLineBytes}.
 */
export class EventLineParser {
  readonly #taker: LineTaker
  #line: number
  #parts: Uint8Array[] = []
  #held = 0
  #tooLong = false

  /** @param line the number of the first line, if reading resumes within the input */
  constructor(taker: LineTaker = eventTaker(), line = 1) {
    this.#taker = taker
    this.#line = line
  }

  /** Bytes of the current incomplete line. */
  get held(): number {
    return this.#held
  }

  /** The number of the current line. */
  get line(): number {
    return this.#line
  }

  push(chunk: Uint8Array): ParsedLines {
    const found = new Found()
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = this.#begun ? 0 : this.#parsePlain(bytes, 0, found)
    for (;;) {
      const end = bytes.indexOf(newline, start)
      if (end === -1) break
      if (!this.#begun && end - start <= maxLineBytes) {
        this.#parse(bytes.subarray(start, end), found, false)
        start = end + 1
      } else {
        this.#take(bytes, start, end)
        this.#endLine(found, false)
        start = this.#parsePlain(bytes, end + 1, found)
      }
    }
    this.#take(bytes, start, bytes.length)
    // Copies the held part, because the caller may reuse its chunk.
    const last = this.#parts.pop()
    if (last !== undefined) this.#parts.push(Uint8Array.prototype.slice.call(last))
    return found
  }

  /**
   * Ends the input: a last line without a newline is complete if it is a valid event, else it was
   * cut.
   */
  end(): ParsedLines {
    const found = new Found()
    if (this.#held > 0 || this.#tooLong) this.#endLine(found, true)
    return found
  }

  /** Whether a line is incomplete. */
  get #begun(): boolean {
    return this.#held > 0 || this.#tooLong
  }

  /**
   * Decodes whole lines in one pass, which is many times faster than one by one. Returns the
   * position that it reached. It leaves chunks in which a line may be too long or invalid UTF-8.
   */
  #parsePlain(bytes: Buffer, start: number, found: Found): number {
    const end = bytes.lastIndexOf(newline)
    if (end <= start || end - start > maxLineBytes) return start
    const text = bytes.toString('utf8', start, end + 1)
    if (text.includes(replacement)) return start
    let from = 0
    for (;;) {
      const to = text.indexOf('\n', from)
      if (to === -1) return end + 1
      this.#parseText(text.slice(from, to), found)
      from = to + 1
    }
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (end === start || this.#tooLong) return
    if (this.#held + end - start > maxLineBytes) {
      this.#tooLong = true
      this.#parts = []
      this.#held = 0
      return
    }
    this.#parts.push(bytes.subarray(start, end))
    this.#held += end - start
  }

  #endLine(found: Found, last: boolean): void {
    if (!this.#tooLong) {
      const whole = Buffer.concat(this.#parts)
      this.#parts = []
      this.#held = 0
      this.#parse(whole, found, last)
      return
    }
    this.#tooLong = false
    const line = this.#line++
    const message = `line ${line} is longer than ${maxLineBytes} bytes`
    found.reject({ line, code: 'EVENT_TOO_LONG', message })
  }

  #parse(bytes: Buffer, found: Found, last: boolean): void {
    const text = bytes.toString('utf8')
    if (!text.includes(replacement) || isUtf8(bytes)) {
      this.#parseText(text, found, last)
      return
    }
    const line = this.#line++
    found.reject({ line, code: 'EVENT_INVALID', message: `line ${line}: it is not UTF-8` })
  }

  #parseText(text: string, found: Found, last = false): void {
    const line = this.#line++
    if (isBlank(text)) return
    try {
      this.#taker(text, found.events)
      while (found.lines.length < found.events.length) found.lines.push(line)
    } catch (error) {
      if (!(error instanceof SnugError)) throw error
      const cut = last && !isJson(text)
      found.reject(
        cut
          ? { line, code: 'EVENT_FILE_CUT', message: `line ${line} was cut: the input ends in it` }
          : { line, code: 'EVENT_INVALID', message: `line ${line}: ${describeError(error)}` },
      )
    }
  }
}

class Found implements ParsedLines {
  readonly events: SnugEvent[] = []
  readonly lines: number[] = []
  readonly rejected: RejectedEventLine[] = []
  rejectedCount = 0

  reject(line: RejectedEventLine): void {
    this.rejectedCount += 1
    if (this.rejected.length < maxRejectedKept) this.rejected.push(line)
  }
}

function isBlank(text: string): boolean {
  return text.length < 8 && /^\s*$/.test(text)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
