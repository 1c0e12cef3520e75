import { ANY_LENGTH } from '../behaviour/token-language.ts'
import type { Steps } from '../steps.ts'
import {
  commonPrefix,
  isMadeUp,
  isRandom,
  kindOf,
  leadingLetters,
  trailingLetters,
} from './name.ts'
import { NAMES_LEAST, RANDOM_EXTENSION_LEAST } from './stem.ts'

/** A token is constant where more than that share of the names has it. */
const CONSTANT = 0.8
/** This many characters, all digits, are a number: among hexadecimal strings that happens by chance once in forty. */
const DIGITS_LEAST = 8
/** Hexadecimal digits of the shortest digest that is known as one. */
const DIGEST_LEAST = 16
/** Numbers are a count if at least one of this many was seen. */
const COUNTED_SPARSE = 4
/** A set of at most this many words, each seen at least that often, stays a set of words. */
const WORDS_MOST = 3
const WORD_LEAST = 3
/** Minimum length of a literal prefix that all varying words share. */
const PREFIX_LEAST = 3

/** What stands at one place of the names, as text in the language of shapes; undefined where it is no one thing. */
export interface Position {
  readonly texts: readonly string[]
  /** The exceptions seen there. */
  readonly others?: ReadonlySet<string>
  readonly varies?: 'words' | 'made-up'
}

/** A generated part behind a dot has a fixed length; that distinguishes it from a real extension. */
export function extensionForm(words: readonly string[]): Position | undefined {
  const [first = ''] = words
  const isOne = words.every((word) => word.length === first.length)
  const isNumber = words.every((word) => kindOf(word) === 'digits')
  if (!isOne || isNumber || first.length < RANDOM_EXTENSION_LEAST) return undefined
  if (words.filter(isMadeUp).length * 2 < words.length) return undefined
  return { texts: [`<fixed:${first.length}>`], varies: 'made-up' }
}

/** The common form of the words at one place. */
export function* formOf(words: readonly string[]): Steps<Position> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  const [top = '', most = 0] =
    [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0] ?? []
  const kinds = new Set([...counts.keys()].map(kindOf))
  const isWordly = !kinds.has('digits') && !kinds.has('mixed') && !kinds.has('uuid')
  if (kindOf(top) === 'letters' || kindOf(top) === 'empty') {
    if (most === words.length) return { texts: [top] }
    if (most > words.length * CONSTANT && words.length > NAMES_LEAST) {
      const others = new Set(counts.keys())
      others.delete(top)
      return { texts: [top], others }
    }
  }
  const isSet = counts.size <= WORDS_MOST && [...counts.values()].every((n) => n >= WORD_LEAST)
  if (isSet && isWordly) return { texts: [...counts.keys()].sort() }
  yield
  return yield* varying([...counts.keys()])
}

function* varying(words: readonly string[]): Steps<Position> {
  const isEmptyToo = words.includes('')
  const full = words.filter((word) => word !== '')
  const longest = Math.max(...full.map(({ length }) => length))
  const made = full.filter(isMadeUp).length * 2 >= full.length ? 'made-up' : 'words'
  if (full.every((word) => kindOf(word) === 'uuid') && !isEmptyToo) {
    return { texts: ['<uuid>'], varies: 'made-up' }
  }
  yield
  const digest = digestOf(full)
  if (digest !== undefined && !isEmptyToo) return { texts: [digest], varies: 'made-up' }
  const isDigits = full.every((word) => kindOf(word) === 'digits')
  // The first characters of a hash may be digits by chance.
  const characters = full.reduce((sum, { length }) => sum + length, 0)
  if (isDigits && (characters >= DIGITS_LEAST || full.length === 1 || areCounted(full))) {
    return { texts: [isEmptyToo ? `<maybe:${ANY_LENGTH}>` : number(longest)], varies: 'made-up' }
  }
  yield
  const glued = isEmptyToo ? undefined : gluedNumber(full)
  yield
  if (glued !== undefined) return { texts: [glued], varies: 'made-up' }
  const prefix = isEmptyToo ? '' : fixedLetters(full)
  const isOptional = isEmptyToo || full.some(({ length }) => length === prefix.length)
  const rest = isOptional ? `<maybe:${ANY_LENGTH}>` : `<alnum:${ANY_LENGTH}>`
  return { texts: [prefix + rest], varies: made }
}

/** Digests, all of one length: a notation this long does not occur by chance. */
function digestOf(words: readonly string[]): string | undefined {
  const [first = ''] = words
  if (first.length < DIGEST_LEAST || words.length < NAMES_LEAST) return undefined
  if (!words.every((word) => word.length === first.length)) return undefined
  const isHex =
    words.every((word) => /^[0-9a-f]+$/.test(word)) ||
    words.every((word) => /^[0-9A-F]+$/.test(word))
  return isHex && words.some(isMixed) ? `<hex:${first.length}>` : undefined
}

const isMixed = (word: string): boolean => kindOf(word) === 'mixed'

/** Small numbers without leading zeros, with few gaps between them. */
function areCounted(words: readonly string[]): boolean {
  const most = Math.max(...words.map(Number))
  return (
    words.length >= NAMES_LEAST &&
    most <= words.length * COUNTED_SPARSE &&
    words.every((word) => word === String(Number(word)))
  )
}

/** A number is restricted to digits, and hardly in length: counters grow. */
function number(longest: number): string {
  return `<digits:${Math.max(NUMBER_LEAST, boundOf(longest))}>`
}

const NUMBER_LEAST = 10

/** Twice the longest that was seen, in few steps: equal bounds share states in the kernel. */
function boundOf(longest: number): number {
  let most = 4
  while (most < longest * 2) most = most % 3 === 0 ? (most / 3) * 4 : (most / 2) * 3
  return Math.min(ANY_LENGTH, most)
}

/** `note17`, `12th`: the same letters in all, before or behind a number. */
function gluedNumber(words: readonly string[]): string | undefined {
  const before = new Set(words.map(leadingLetters))
  const behind = new Set(words.map(trailingLetters))
  const [head = ''] = before
  const [tail = ''] = behind
  if (before.size > 1 || behind.size > 1 || (head === '' && tail === '')) return undefined
  const numbers = words.map((word) => word.slice(head.length, word.length - tail.length))
  if (!numbers.every((number) => kindOf(number) === 'digits')) return undefined
  // Hash digits begin with one letter by chance where there are few of them.
  if (words.length < NAMES_LEAST && head.length + tail.length < 2) return undefined
  return head + number(Math.max(...numbers.map(({ length }) => length))) + tail
}

/** Letters that all words begin with, unless they are part of the generated text. */
function fixedLetters(words: readonly string[]): string {
  if (words.length < NAMES_LEAST + 1) return ''
  const prefix = leadingLetters(commonPrefix(words))
  const least = words.some(isRandom) ? PREFIX_LEAST + 1 : PREFIX_LEAST
  return prefix.length < least ? '' : prefix
}
