import { isAlphanumeric, isDigit, isLower, isUpper } from './characters.ts'

/** The kinds of variable parts that text shows by itself; `lt` is a `<`. */
export type FoundKind =
  | 'lt'
  | 'volume'
  | 'long'
  | 'uuid'
  | 'date'
  | 'time'
  | 'hex'
  | 'temp'
  | 'num'
  | 'int'

interface Found {
  readonly kind: FoundKind
  readonly end: number
}

const day = String.raw`(?:19|20)\d\d(?<sep>[-_]?)(?:0[1-9]|1[0-2])\k<sep>(?:0[1-9]|[12]\d|3[01])`
const clock = String.raw`(?:[01]\d|2[0-3])(?<tick>[-:_]?)[0-5]\d\k<tick>[0-5]\d`

// Each begins where it is asked to, and its length is bounded.
const volume = /\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d{1,10}(?=\/|$)/y
const uuid =
  /[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![A-Za-z0-9])/y
const date = new RegExp(
  String.raw`${day}(?:[T_-]?${clock}(?:[.,]\d{1,9})?Z?)?(?![A-Za-z0-9]|\.\d)`,
  'y',
)
const time = /(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?![A-Za-z0-9])/y
const marked = /^te?mp[._-]/
const temporary = /(?:^|[._-])te?mp(?:[._-]|$)/

const TEMPFILE_LENGTH = 8
const INT_MOST = 15
const LONG = [16, 20] as const
const DRAWN = [20, 64] as const
/** Words behind `/tmp-` at most, and letters and digits in each. */
const WORDS_MOST = 4
const WORD_MOST = 32
/** The longest start of a name that {@link isMarked} reads. */
const MARK_MOST = 5 + WORDS_MOST * (WORD_MOST + 1)

/** Letters and digits that follow each other, and how many there are of each. */
interface Run {
  readonly end: number
  readonly digits: number
  readonly lower: number
  readonly upper: number
  /** Lower and upper case letters that are hexadecimal digits. */
  readonly hexLower: number
  readonly hexUpper: number
}

function runAt(text: string, at: number): Run {
  let [end, digits, lower, upper, hexLower, hexUpper] = [at, 0, 0, 0, 0, 0]
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end)
    if (isDigit(c)) digits += 1
    else if (isLower(c)) {
      lower += 1
      if (c <= 102) hexLower += 1
    } else if (isUpper(c)) {
      upper += 1
      if (c <= 70) hexUpper += 1
    } else break
  }
  return { end, digits, lower, upper, hexLower, hexUpper }
}

/**
 * Finds the variable parts of names, the most specific kind first at each place. Every character except letters and digits
 * is a boundary. Numbers next to `.digit` are versions, and after `.so.` an ABI: both stay literal. The time grows with
 * the length of the text alone: each run of letters and digits is read once, and all else has a bound.
 */
export class TokenFinder {
  readonly #never: readonly string[]

  /** `never`: words that look variable and are not. */
  constructor(never: readonly string[]) {
    this.#never = never
  }

  /**
   * The text with each variable part replaced; `token` gets its kind and its text. Behind `atMost` variable parts only
   * each `<` is.
   */
  replace(text: string, token: (kind: FoundKind, text: string) => string, atMost: number): string {
    let made = ''
    let from = 0
    let found = 0
    let slash = -1
    for (let at = 0; at < text.length; ) {
      const next = this.#at(text, at, slash)
      if (next === undefined) {
        if (text.charCodeAt(at) === 47) slash = at
        at += 1
        continue
      }
      if (typeof next === 'number') {
        at = next
        continue
      }
      made += text.slice(from, at) + token(next.kind, text.slice(at, next.end))
      from = next.end
      at = next.end
      if (next.kind !== 'lt') found += 1
      if (found === atMost) return made + text.slice(from).replaceAll('<', () => token('lt', '<'))
    }
    return from === 0 ? text : made + text.slice(from)
  }

  /** What begins there; a number where nothing does before that place. `slash`: where the last one was. */
  #at(text: string, at: number, slash: number): Found | number | undefined {
    const c = text.charCodeAt(at)
    if (c === 60) return { kind: 'lt', end: at + 1 }
    const before = at === 0 ? 0 : text.charCodeAt(at - 1)
    if (isAlphanumeric(before)) return isDigit(c) && !isDigit(before) ? glued(text, at) : undefined
    const never = this.#never.find(
      (word) => text.startsWith(word, at) && !isAlphanumeric(text.charCodeAt(at + word.length)),
    )
    if (never !== undefined && never.length > 0) return at + never.length
    if (c === 46) return before === 47 ? matched(volume, 'volume', text, at) : undefined
    if (!isAlphanumeric(c)) return c === 95 ? tempfile(text, at) : undefined
    return atBoundary(text, at, before, slash)
  }
}

/** A number behind a letter. */
function glued(text: string, at: number): Found | undefined {
  let end = at
  while (end - at <= LONG[1] && isDigit(text.charCodeAt(end))) end += 1
  const digits = end - at
  if (isAlphanumeric(text.charCodeAt(end))) return undefined
  if (digits >= LONG[0] && digits <= LONG[1]) return { kind: 'long', end }
  return digits <= INT_MOST && isBehindTemporary(text, at) ? { kind: 'num', end } : undefined
}

function atBoundary(text: string, at: number, before: number, slash: number): Found | undefined {
  const run = runAt(text, at)
  const { end } = run
  const length = end - at
  const isNumber = run.digits === length
  const isVersion = before === 46 && at >= 2 && isDigit(text.charCodeAt(at - 2))
  // `/`, `.`, `_`, `-`
  const isSeparated = [47, 46, 95, 45].includes(before)
  if (isNumber && isSeparated && length >= LONG[0] && length <= LONG[1])
    return { kind: 'long', end }
  return (
    matched(uuid, 'uuid', text, at) ??
    (isVersion ? undefined : matched(date, 'date', text, at)) ??
    matched(time, 'time', text, at) ??
    (isHex(run, length) ? { kind: 'hex', end } : undefined) ??
    temporaryName(text, at, before, run) ??
    (isNumber && length <= INT_MOST && isMarkedNumber(text, at, before, slash)
      ? { kind: 'num', end }
      : undefined) ??
    (isNumber && length <= INT_MOST && !isVersion && isPlainNumber(text, at, end)
      ? { kind: 'int', end }
      : undefined)
  )
}

function matched(pattern: RegExp, kind: FoundKind, text: string, at: number): Found | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? { kind, end: pattern.lastIndex } : undefined
}

/** Digits and letters of one case; shorter ones have both. */
function isHex({ digits, hexLower, hexUpper }: Run, length: number): boolean {
  if (length < 8) return false
  const letters = digits + hexLower === length ? hexLower : hexUpper
  if (digits + letters !== length) return false
  return length >= 16 || (digits > 0 && letters > 0)
}

function temporaryName(text: string, at: number, before: number, run: Run): Found | undefined {
  const { end, digits, lower, upper } = run
  const length = end - at
  const prefixed = before === 47 ? prefixedTempfile(text, at) : undefined
  const found = prefixed ?? tempfile(text, at)
  if (found !== undefined) return found
  const isDotted = before === 46 || before === 95 || before === 45
  const letters = lower + upper
  if (isDotted && (length === 6 || length === 10)) {
    if (digits > 0 ? letters > 0 : isMixedCase(text, at, run)) return { kind: 'temp', end }
  }
  if (length < DRAWN[0] || length > DRAWN[1] || digits < 3 || letters < 3) return undefined
  return isWordWithLong(text, at, run) ? undefined : { kind: 'temp', end }
}

/** Letters of both cases, and not one capital before the others. */
function isMixedCase(text: string, at: number, { lower, upper }: Run): boolean {
  if (lower === 0 || upper === 0) return false
  return upper > 1 || !isUpper(text.charCodeAt(at))
}

/** A word, and behind it a number of a generated name. */
function isWordWithLong(text: string, at: number, { end, digits }: Run): boolean {
  if (digits < LONG[0] || digits > LONG[1]) return false
  for (let i = end - digits; i < end; i++) if (!isDigit(text.charCodeAt(i))) return false
  return end - digits > at
}

/** As Python's `tempfile` names files by itself. */
function prefixedTempfile(text: string, at: number): Found | undefined {
  if (!text.startsWith('tmp', at)) return undefined
  const end = at + 3 + TEMPFILE_LENGTH
  return isTempfileWord(text, at + 3) ? { kind: 'temp', end } : undefined
}

/**
 * Names from Python's `tempfile`, after any prefix: eight of 37 characters. A word and a numbered word, such as `settings`
 * and `module_1`, do not match: letters and other characters have to alternate more than once.
 */
function tempfile(text: string, at: number): Found | undefined {
  if (!isTempfileWord(text, at)) return undefined
  let turns = 0
  let hasDigit = false
  for (let i = at; i < at + TEMPFILE_LENGTH; i++) {
    const c = text.charCodeAt(i)
    if (isDigit(c)) hasDigit = true
    if (i > at && isLower(c) !== isLower(text.charCodeAt(i - 1))) turns += 1
  }
  return hasDigit && turns >= 2 ? { kind: 'temp', end: at + TEMPFILE_LENGTH } : undefined
}

/** Where a name that is marked as temporary has what `tempfile` drew; undefined where it could be words. */
export function tempfileIn(
  name: string,
): { readonly from: number; readonly end: number } | undefined {
  const own = prefixedTempfile(name, 0)
  if (own !== undefined && /[\d_]/.test(name.slice(0, own.end))) return { from: 0, end: own.end }
  if (!temporary.test(name)) return undefined
  for (let from = 0; from < name.length; from++) {
    if (from > 0 && isAlphanumeric(name.charCodeAt(from - 1))) continue
    const end = tempfile(name, from)?.end
    if (end !== undefined) return { from, end }
  }
  return undefined
}

/** Small letters, digits and `_`, as many as `tempfile` draws, and nothing of a word behind them. */
function isTempfileWord(text: string, at: number): boolean {
  const end = at + TEMPFILE_LENGTH
  if (end > text.length) return false
  for (let i = at; i < end; i++) {
    const c = text.charCodeAt(i)
    if (!isDigit(c) && !isLower(c) && c !== 95) return false
  }
  const next = text.charCodeAt(end)
  return !isAlphanumeric(next) && next !== 95
}

/** Numbers in names that are marked as temporary: `tmp31.0`, `temp-dump-31.log`. */
function isMarkedNumber(text: string, at: number, before: number, slash: number): boolean {
  if (before === 46) {
    let from = at - 1
    while (from > 0 && at - 1 - from < INT_MOST && isDigit(text.charCodeAt(from - 1))) from -= 1
    if (from < at - 1 && isBehindTemporary(text, from)) return true
  }
  return isMarked(text, at, slash)
}

/** Whether the word `tmp` or `temp` ends there. */
function isBehindTemporary(text: string, at: number): boolean {
  for (const word of ['tmp', 'temp']) {
    const from = at - word.length
    if (from >= 0 && text.startsWith(word, from))
      return from === 0 || !isAlphanumeric(text.charCodeAt(from - 1))
  }
  return false
}

/** Whether the name up to there is `tmp-` or `temp-` and at most some words more. */
function isMarked(text: string, at: number, slash: number): boolean {
  if (slash < 0 || at - slash - 1 > MARK_MOST) return false
  const start = text.slice(slash + 1, at)
  const mark = marked.exec(start)?.[0]
  if (mark === undefined) return false
  const words = start.slice(mark.length).split(/[._-]/)
  if (words.pop() !== '' || words.length > WORDS_MOST) return false
  return words.every(
    (word) => word.length > 0 && word.length <= WORD_MOST && /^[A-Za-z0-9]*$/.test(word),
  )
}

function isPlainNumber(text: string, at: number, end: number): boolean {
  if (text.charCodeAt(end) === 46 && isDigit(text.charCodeAt(end + 1))) return false
  return !text.startsWith('.so.', at - 4) || at < 4
}
