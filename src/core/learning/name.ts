import { isDigit, isLetter, isUpper } from '../behaviour/characters.ts'

/** A name cut at its separators: a word, a separator, a word … Words may be empty. */
export interface CutName {
  readonly text: string
  /** One more than there are separators. */
  readonly words: readonly string[]
  readonly separators: string
}

/** The kind of characters in a word. */
export type WordKind = 'empty' | 'digits' | 'letters' | 'mixed' | 'uuid'

/** Of any other script: what is a letter in it, and what is a separator, is not considered. */
function isForeign(c: number): boolean {
  return c >= 128
}

/** A byte that is no text, as sources write it. */
const BYTE = /\\x[89a-f][0-9a-f]/y

function isByteAt(text: string, at: number): boolean {
  BYTE.lastIndex = at
  return text.charCodeAt(at) === 92 && BYTE.test(text)
}

const BYTE_LENGTH = 4

/** Where its separators are. */
const UUID_DASHES = [8, 13, 18, 23]
const UUID_LENGTH = 36

function isHex(c: number): boolean {
  return isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102)
}

/** The one unambiguous notation, which contains separators itself. */
function isUuidAt(text: string, at: number): boolean {
  if (text.length < at + UUID_LENGTH || text[at + 8] !== '-') return false
  for (let i = 0; i < UUID_LENGTH; i++) {
    const c = text.charCodeAt(at + i)
    if (UUID_DASHES.includes(i) ? c !== 45 : !isHex(c)) return false
  }
  const next = text.charCodeAt(at + UUID_LENGTH)
  return !isDigit(next) && !isLetter(next)
}

/**
 * Undefined where a character is neither a letter, a digit nor a separator: such a name stands for itself. Bytes that are
 * no text are letters.
 */
export function cutName(text: string): CutName | undefined {
  const words: string[] = []
  let separators = ''
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (i === start && isUuidAt(text, i)) {
      i += UUID_LENGTH - 1
      continue
    }
    if (isByteAt(text, i)) {
      i += BYTE_LENGTH - 1
      continue
    }
    const c = text.charCodeAt(i)
    if (isDigit(c) || isLetter(c) || isForeign(c)) continue
    // Another backslash is one of the name, or begins a control character; `/` and NUL are no part of a name.
    if (c < 32 || c === 127 || c === 92 || c === 47) return undefined
    words.push(text.slice(start, i))
    separators += text[i]
    start = i + 1
  }
  words.push(text.slice(start))
  return { text, words, separators }
}

export function kindOf(word: string): WordKind {
  if (word.length === UUID_LENGTH && isUuidAt(word, 0)) return 'uuid'
  let digits = false
  let letters = false
  for (let i = 0; i < word.length; i++) {
    if (isDigit(word.charCodeAt(i))) digits = true
    else letters = true
  }
  if (digits && letters) return 'mixed'
  return digits ? 'digits' : letters ? 'letters' : 'empty'
}

/** The letters that a word begins with. */
export function leadingLetters(word: string): string {
  let end = 0
  while (end < word.length && isLetter(word.charCodeAt(end))) end += 1
  return word.slice(0, end)
}

/** The letters that a word ends with. */
export function trailingLetters(word: string): string {
  let start = word.length
  while (start > 0 && isLetter(word.charCodeAt(start - 1))) start -= 1
  return word.slice(start)
}

export function commonPrefix(words: readonly string[]): string {
  let prefix = words[0] ?? ''
  for (const word of words) {
    let end = 0
    while (end < prefix.length && prefix[end] === word[end]) end += 1
    prefix = prefix.slice(0, end)
  }
  return prefix
}

/** How often letters and digits follow each other, or small letters capitals. */
function changes(word: string): number {
  let count = 0
  for (let i = 1; i < word.length; i++) {
    const a = word.charCodeAt(i - 1)
    const b = word.charCodeAt(i)
    if (isDigit(a) !== isDigit(b)) count += 1
    else if (!isDigit(a) && !isUpper(a) && isUpper(b)) count += 1
  }
  return count
}

/** Which letters of other scripts are vowels is not considered. */
const vowel = /[aeiouy\u0080-\uffff]/i

/**
 * Whether a program generated the word, as far as its letters show: it contains digits, or letters follow each other as
 * in no word of a language. The meaning of a word is not considered.
 */
export function isMadeUp(word: string): boolean {
  const kind = kindOf(word)
  if (kind === 'digits' || kind === 'mixed' || kind === 'uuid') return true
  if (kind === 'empty') return false
  if (word.length >= 24 || changes(word) >= 2) return true
  return word.length >= 5 && !vowel.test(word)
}

/** Whether the text has no separator but `_` and `-`. */
export function isSlug(text: string): boolean {
  return /^(?:[\w\u0080-\uffff-]|\\x[89a-f][0-9a-f])*$/.test(text)
}

/** Whether letters and digits are so mixed that no part is a word by itself. */
export function isRandom(word: string): boolean {
  return changes(word) > 2
}

const EXTENSION_MOST = 10

/** Where the extension begins, its dot included; -1 where there is none. A dotfile has none. */
export function extensionAt(text: string): number {
  const dot = text.lastIndexOf('.')
  const length = text.length - dot - 1
  if (dot <= 0 || length === 0 || length > EXTENSION_MOST) return -1
  if (!isLetter(text.charCodeAt(dot + 1))) return -1
  for (let i = dot + 2; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (!isDigit(c) && !isLetter(c)) return -1
  }
  return dot
}

/** The common beginning of all names: whole words without digits, with the separators behind them. */
export function literalHead(stems: readonly CutName[]): string {
  let head = ''
  for (let i = 0; ; i++) {
    const [first] = stems
    const word = first?.words[i]
    const separator = first?.separators[i]
    if (word === undefined || separator === undefined) return head
    if (kindOf(word) !== 'letters' && kindOf(word) !== 'empty') return head
    if (!stems.every(({ words, separators }) => words[i] === word && separators[i] === separator)) {
      return head
    }
    head += word + separator
  }
}
