import type { SnugEvent } from './event.ts'
import { parseEventLine, parseReported } from './parse-event.ts'

/** The part of a line that many lines share: from the end of one variable value to the beginning of the next. */
interface Stretch {
  readonly text: string
  readonly next: Stretch[]
  /** Present at the end of a line. */
  readonly like?: Like
}

/** A line that was parsed as a whole. */
interface Like {
  readonly event: SnugEvent
  /** The members whose values vary, in order. */
  readonly reported: readonly string[]
}

/** Of all lines together; beyond that the reader discards them and learns again. */
const mostStretches = 64
const longestLearned = 4_096
/** Of lines unlike all earlier ones, the reader learns one in this many. */
const learnedOfUnlike = 4
/** If fewer lines match than do not, searching costs more than it saves: this many lines skip the search. */
const linesLetBy = 2_000

/**
 * Reads NDJSON events, many of which differ only in their time and object. The reader takes the validated actor from an
 * earlier line and parses only the differences. It returns the same as {@link parseEventLine}, except that events of
 * one process may share its description.
 *
 * Equal bytes around two values make the same members, whatever the values are. The reader requires each value to be
 * one whole JSON value; where that is not certain, it parses the line as a whole.
 */
export class EventLineReader {
  #first: Stretch[] = []
  #stretches = 0
  #like = 0
  #unlike = 0
  #letBy = 0

  /** @throws SnugError EVENT_INVALID, naming the member */
  read(line: string): SnugEvent {
    if (this.#letBy > 0) {
      this.#letBy -= 1
      return parseEventLine(line)
    }
    const like = this.#asBefore(line)
    if (like !== undefined) {
      this.#like += 1
      return like
    }
    const event = parseEventLine(line)
    if (event.kind === 'loss' || line.length > longestLearned) return event
    this.#unlike += 1
    // A copy: a slice of the line would keep the whole chunk in memory.
    if (this.#unlike % learnedOfUnlike === 1) this.#learn(copyOf(line), event)
    return event
  }

  #asBefore(line: string): SnugEvent | undefined {
    let at = 0
    const reported: string[] = []
    let candidates = this.#first
    for (;;) {
      const stretch = stretchAt(candidates, line, at)
      if (stretch === undefined) return undefined
      at += stretch.text.length
      if (stretch.like !== undefined) return filledIn(stretch.like, reported)
      const end = endOfValue(line, at)
      if (end === -1) return undefined
      reported.push(line.slice(at, end))
      at = end
      candidates = stretch.next
    }
  }

  #learn(line: string, event: SnugEvent): void {
    const reported = membersOf(line).filter(({ name }) => isReported(name, event))
    // A duplicated name has its last value only, so skip such lines.
    if (new Set(reported.map(({ name }) => name)).size !== reported.length) return
    if (this.#stretches + reported.length >= mostStretches) this.#restart()
    let into = this.#first
    let at = 0
    for (const { from, to } of reported) {
      into = this.#put(into, { text: line.slice(at, from), next: [] }).next
      at = to
    }
    const like = { event, reported: reported.map(({ name }) => name) }
    this.#put(into, { text: line.slice(at), next: [], like })
  }

  #restart(): void {
    if (this.#like < this.#unlike) this.#letBy = linesLetBy
    this.#first = []
    this.#stretches = 0
    this.#like = 0
    this.#unlike = 0
  }

  #put(into: Stretch[], stretch: Stretch): Stretch {
    const known = into.find(({ text }) => text === stretch.text)
    if (known !== undefined) return known
    into.push(stretch)
    this.#stretches += 1
    return stretch
  }
}

function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}

function isReported(name: string, { kind }: SnugEvent): boolean {
  return name === 'time' || name === 'count' || name === kind
}

/** Brings it to the front: lines of one process come together. */
function stretchAt(candidates: Stretch[], line: string, at: number): Stretch | undefined {
  for (let i = 0; i < candidates.length; i++) {
    const stretch = candidates[i] as Stretch
    const end = at + stretch.text.length
    if (stretch.like !== undefined && end !== line.length) continue
    // Many times as fast as `startsWith`, which goes by single characters.
    if (line.slice(at, end) !== stretch.text) continue
    if (i > 0) {
      candidates[i] = candidates[0] as Stretch
      candidates[0] = stretch
    }
    return stretch
  }
  return undefined
}

/** Undefined where the values are invalid: parsing the whole line then reports the fault. */
function filledIn(
  { event: before, reported }: Like,
  values: readonly string[],
): SnugEvent | undefined {
  const event = { ...before } as unknown as Record<string, unknown>
  try {
    for (const [at, name] of reported.entries()) event[name] = JSON.parse(values[at] ?? '')
    return parseReported(event)
  } catch {
    return undefined
  }
}

const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92

/** Behind the string, object or count that begins there; -1 where it is none, or holds an escape. */
function endOfValue(line: string, from: number): number {
  let depth = 0
  for (let at = from; at < line.length; at++) {
    const c = line.charCodeAt(at)
    if (c === QUOTE) {
      at = line.indexOf('"', at + 1)
      if (at === -1) return -1
    } else if (isOpening(c)) depth += 1
    else if (isClosing(c)) depth -= 1
    else if (depth === 0) return endOfDigits(line, from)
    if (depth === 0) return line.slice(from, at).includes('\\') ? -1 : at + 1
  }
  return -1
}

function endOfDigits(line: string, from: number): number {
  let at = from
  while (isDigit(line.charCodeAt(at))) at += 1
  return at === from ? -1 : at
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

function isOpening(c: number): boolean {
  return c === 123 || c === 91
}

function isClosing(c: number): boolean {
  return c === 125 || c === 93
}

interface Member {
  readonly name: string
  /** Where its value begins, and behind it. */
  readonly from: number
  readonly to: number
}

/** The members of the object that the line is. The line must be valid JSON. */
function membersOf(line: string): readonly Member[] {
  const members: Member[] = []
  let name = ''
  let from = -1
  let depth = 0
  for (let at = 0; at < line.length; at++) {
    const c = line.charCodeAt(at)
    if (c === QUOTE) {
      const end = endOfString(line, at)
      if (depth === 1 && from === -1) {
        name = JSON.parse(line.slice(at, end)) as string
        from = line.indexOf(':', end) + 1
        at = from - 1
      } else at = end - 1
    } else if (isOpening(c)) depth += 1
    else if (isClosing(c)) depth -= 1
    if (from !== -1 && at >= from && (depth === 0 || (depth === 1 && c === COMMA))) {
      members.push({ name, from, to: at })
      from = -1
    }
  }
  return members
}

function endOfString(line: string, from: number): number {
  let at = from + 1
  while (line.charCodeAt(at) !== QUOTE) at += line.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at + 1
}
