import { isAlphanumeric, isDigit } from '../behaviour/characters.ts'
import { plainPath } from '../behaviour/shape.ts'
import { tempfileIn } from '../behaviour/token-finder.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import { type CutName, cutName, extensionAt, kindOf, leadingLetters } from './name.ts'

/** Digits of the shortest number that is known as one of a row by the zeros before it. */
const PADDED_LEAST = 4
/** Hexadecimal digits of the shortest digest that is known as one. */
const DIGEST_LEAST = 16
/** Letters and digits of the shortest word that is known as drawn at random. */
const DRAWN_LEAST = 6
/** Words of this length are drawn, whatever their order of letters and digits. */
const DRAWN_LONG = 16
/** Turns of letters and digits in it. */
const DRAWN_TURNS = 3
/** Hexadecimal digits of the shortest hash that is known as one by its letters between digits. */
const HASH_LEAST = 8
const HASH_TURNS = 2
const DIGITS_MOST = 20
/** Digits of the shortest number that was drawn: no count, no id of a process, and no day has as many. */
const DRAWN_DIGITS = 9
const NUMBER = `<digits:${DIGITS_MOST}>`
const ANY_WORD = `<alnum:${ANY_LENGTH}>`

const day = String.raw`(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])`
const clock = String.raw`(?:[01]\d|2[0-3])[0-5]\d[0-5]\d`
const stamp = new RegExp(`^${day}(?:T?${clock}Z?)?$`)

/** `2026-11-27` and `2026-11-27T10:45:01Z`, as no part of a word. */
const dated = new RegExp(
  String.raw`(?:19|20)\d\d(?<by>[-_])(?:0[1-9]|1[0-2])\k<by>(?:0[1-9]|[12]\d|3[01])` +
    String.raw`(?:[T_-](?:[01]\d|2[0-3])(?<tick>[-:_]?)[0-5]\d\k<tick>[0-5]\d(?:[.,]\d{1,9})?Z?)?(?![A-Za-z0-9])`,
  'y',
)

/** Where the first such date is; undefined where there is none. */
function dateIn(name: string): { readonly from: number; readonly end: number } | undefined {
  for (let from = 0; from < name.length; from++) {
    if (from > 0 && isAlphanumeric(name.charCodeAt(from - 1))) continue
    dated.lastIndex = from
    if (dated.test(name)) return { from, end: dated.lastIndex }
  }
  return undefined
}

/** A path in which names that are never given twice stand for their kind; otherwise the same. */
export function certainPath(path: string): string {
  return path
    .split('/')
    .map((part) => certainForm(part) ?? part)
    .join('/')
}

/**
 * The form of a name that no program gives twice: it has a uuid, a digest, a time, a number with zeros before it, or
 * letters and digits drawn at random. A single one shows what varies. Undefined where nothing is that certain.
 *
 * @param beside how the words beside it stand in the form: as they are, or as any
 */
export function certainForm(
  name: string,
  beside: 'literal' | 'any' = 'literal',
): string | undefined {
  const date = dateIn(name)
  if (date !== undefined) return formAround(name, date, '<date>', beside)
  const drawn = tempfileIn(name)
  if (drawn !== undefined)
    return formAround(name, drawn, `<temp:${drawn.end - drawn.from}>`, beside)
  const at = isDrawnTail(name) ? -1 : extensionAt(name)
  const [stem, extension] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at)]
  const cut = cutName(stem)
  if (cut === undefined) return undefined
  let isCertain = false
  const parts = cut.words.map((word, i) => {
    const isTail = i > 0 && i === cut.words.length - 1 && isDrawnTail(stem)
    const token = isTail ? `<fixed:${word.length}>` : tokenOf(word)
    if (token !== undefined) isCertain = true
    return token ?? wordIn(word, beside)
  })
  return isCertain ? written(cut, parts) + plainPath(extension) : undefined
}

function formAround(
  name: string,
  { from, end }: { readonly from: number; readonly end: number },
  token: string,
  beside: 'literal' | 'any',
): string {
  return besideOf(name.slice(0, from), beside) + token + besideOf(name.slice(end), beside)
}

/** Numbers beside it vary as well: a time behind a day, the part of a whole. */
function besideOf(part: string, beside: 'literal' | 'any'): string {
  const certain = certainForm(part, beside)
  if (certain !== undefined) return certain
  const at = extensionAt(part)
  const [stem, extension] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at)]
  const cut = cutName(stem)
  if (cut === undefined) return plainPath(part)
  const parts = cut.words.map((word) => wordIn(word, beside))
  return written(cut, parts) + plainPath(extension)
}

function wordIn(word: string, beside: 'literal' | 'any'): string {
  const kind = kindOf(word)
  if (kind === 'digits') return NUMBER
  return beside === 'any' && kind !== 'empty' ? ANY_WORD : plainPath(word)
}

function written({ separators }: CutName, parts: readonly string[]): string {
  const between = Array.from(separators, plainPath)
  return parts.map((part, i) => part + (between[i] ?? '')).join('')
}

/** Behind a separator, as long as `mkstemp` and `mktemp` make it: no word, and no word with a number. */
function isDrawnTail(name: string): boolean {
  const tail = /[._-]([A-Za-z0-9]{6}|[A-Za-z0-9]{10})$/.exec(name)?.[1]
  return tail !== undefined && !/^\d*(?:[A-Z]?[a-z]*|[A-Z]*)\d*$/.test(tail)
}

function tokenOf(word: string): string | undefined {
  switch (kindOf(word)) {
    case 'uuid':
      return '<uuid>'
    case 'digits':
      return isCertainNumber(word) ? NUMBER : undefined
    case 'mixed':
      return mixedToken(word)
    case 'letters':
    case 'empty':
      return undefined
  }
}

function isCertainNumber(word: string): boolean {
  if (word.length > DIGITS_MOST) return false
  if (word.length >= DRAWN_DIGITS || stamp.test(word)) return true
  return word.startsWith('0') && word.length >= PADDED_LEAST
}

function mixedToken(word: string): string | undefined {
  if (stamp.test(word)) return '<date>'
  if (word.length >= DIGEST_LEAST && /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(word))
    return `<hex:${word.length}>`
  // `segment000012`
  const letters = leadingLetters(word)
  const number = word.slice(letters.length)
  if (kindOf(number) === 'digits') {
    return isCertainNumber(number) ? letters + NUMBER : undefined
  }
  const isLong = word.length >= DRAWN_LONG && countOf(word, /\d/g) >= 3
  const isHash =
    word.length >= HASH_LEAST && /^[0-9a-f]+$/.test(word) && turnsOf(word) >= HASH_TURNS
  const isDrawn = isLong || isHash || (word.length >= DRAWN_LEAST && turnsOf(word) >= DRAWN_TURNS)
  return isDrawn ? `<fixed:${word.length}>` : undefined
}

/** How often letters and digits take turns: in a word with a number in it, once. */
function turnsOf(word: string): number {
  let turns = 0
  for (let i = 1; i < word.length; i++)
    if (isDigit(word.charCodeAt(i)) !== isDigit(word.charCodeAt(i - 1))) turns += 1
  return turns
}

function countOf(word: string, of: RegExp): number {
  return word.match(of)?.length ?? 0
}
