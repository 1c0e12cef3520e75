/** Characters that may stand in one place, all of them ASCII or all that no path separator is. */
export interface CharClass {
  /** As a regular expression has it, over text. */
  readonly source: string
  /** Ranges over bytes: pairs of first and last. */
  readonly ranges: readonly (readonly [number, number])[]
}

/**
 * A set of texts, regular, as plain data: what a pattern stands for. Texts are paths as events have them; as
 * bytes (`bytesOfName`) they are the same set, since classes are ASCII, or whole segments.
 */
export type Language =
  | { readonly kind: 'text'; readonly text: string }
  /** So many characters of a class; without `max` any number from `min` on. */
  | {
      readonly kind: 'chars'
      readonly class: CharClass
      readonly min: number
      readonly max: number | undefined
    }
  | { readonly kind: 'seq'; readonly parts: readonly Language[] }
  | { readonly kind: 'any'; readonly of: readonly Language[] }

export const text = (literal: string): Language => ({ kind: 'text', text: literal })

export function chars(charClass: CharClass, min: number, max: number | undefined = min): Language {
  return { kind: 'chars', class: charClass, min, max }
}

export function some(charClass: CharClass): Language {
  return { kind: 'chars', class: charClass, min: 1, max: undefined }
}

/** Any number of them, none too. */
export function many(charClass: CharClass): Language {
  return { kind: 'chars', class: charClass, min: 0, max: undefined }
}

export function seq(...parts: readonly Language[]): Language {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'seq', parts }
}

/** One of several; sorted and each once, so that equal sets that were made alike are written alike. */
export function any(of: Iterable<Language>): Language {
  const bySource = new Map<string, Language>()
  for (const language of of) bySource.set(sourceOf(language), language)
  const sources = [...bySource.keys()].sort()
  const sorted = sources.flatMap((source) => bySource.get(source) ?? [])
  return sorted.length === 1 && sorted[0] !== undefined ? sorted[0] : { kind: 'any', of: sorted }
}

export const optional = (language: Language): Language => any([text(''), language])

function count(min: number, max: number | undefined): string {
  if (max === undefined) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  return min === max ? (min === 1 ? '' : `{${min}}`) : `{${min},${max}}`
}

/** As a regular expression, unanchored. It is also the language's name: the same source is the same set. */
export function sourceOf(language: Language): string {
  switch (language.kind) {
    case 'text':
      return language.text.replace(/\W/g, escapeCharacter)
    case 'chars':
      return language.class.source + count(language.min, language.max)
    case 'seq':
      return language.parts.map(sourceOf).join('')
    case 'any':
      return language.of.length === 0 ? '(?!)' : `(?:${language.of.map(sourceOf).join('|')})`
  }
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** What its texts are up to the first `mark`, which is in all of them or in none. */
export function before(language: Language, mark: string): Language {
  return parted(language, mark).head
}

interface Parted {
  readonly head: Language
  /** Behind the mark; undefined where the texts do not have it. */
  readonly tail: Language | undefined
}

/** What its texts are before the first `mark` and behind it; it is in all of them or in none. */
export function parted(language: Language, mark: string): Parted {
  switch (language.kind) {
    case 'text': {
      const end = language.text.indexOf(mark)
      if (end < 0) return { head: language, tail: undefined }
      const tail = text(language.text.slice(end + mark.length))
      return { head: text(language.text.slice(0, end)), tail }
    }
    case 'chars':
      return { head: language, tail: undefined }
    case 'any': {
      const all = language.of.map((one) => parted(one, mark))
      const tails = all.flatMap(({ tail }) => tail ?? [])
      const head = any(all.map((one) => one.head))
      return { head, tail: tails.length === 0 ? undefined : any(tails) }
    }
    case 'seq': {
      const heads: Language[] = []
      for (const [i, part] of language.parts.entries()) {
        const { head, tail } = parted(part, mark)
        heads.push(head)
        if (tail === undefined) continue
        return { head: seq(...heads), tail: seq(tail, ...language.parts.slice(i + 1)) }
      }
      return { head: seq(...heads), tail: undefined }
    }
  }
}

/** All of its texts, where they are at most `limit`; else undefined. */
export function textsOf(language: Language, limit: number): readonly string[] | undefined {
  switch (language.kind) {
    case 'text':
      return [language.text]
    case 'chars':
      return undefined
    case 'any': {
      const all = new Set<string>()
      for (const one of language.of) {
        const texts = textsOf(one, limit)
        if (texts === undefined) return undefined
        for (const found of texts) all.add(found)
      }
      return all.size > limit ? undefined : [...all]
    }
    case 'seq': {
      let heads: readonly string[] = ['']
      for (const part of language.parts) {
        const tails = textsOf(part, limit)
        if (tails === undefined || heads.length * tails.length > limit) return undefined
        heads = heads.flatMap((head) => tails.map((tail) => head + tail))
      }
      return heads
    }
  }
}

/** A language made ready to be asked. */
export class PathPattern {
  readonly language: Language
  /** All its texts begin and end so: asked first, since it costs next to nothing. */
  readonly #prefix: string
  readonly #suffix: string
  #asked: Asked | undefined

  constructor(language: Language) {
    this.language = language
    this.#prefix = prefixOf(language)
    this.#suffix = suffixOf(language)
  }

  /** Of equal languages that were made alike, the same. Made when asked for. */
  get source(): string {
    return sourceOf(this.language)
  }

  has(subject: string): boolean {
    if (!subject.startsWith(this.#prefix) || !subject.endsWith(this.#suffix)) return false
    this.#asked ??= askedOf(this.language)
    return isIn(this.#asked, subject)
  }
}

/** What is asked whether a text is one of a language. Parts that languages have in common are asked as one. */
type Asked =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'any'; readonly of: readonly PathPattern[] }
  | { readonly kind: 'pair'; readonly head: PathPattern; readonly tail: PathPattern }
  | { readonly kind: 'expression'; readonly source: string }

/** Stands between the two names of a rename. */
export const SUBJECT_TO = '\u0000'

/**
 * One expression of several alternatives grows with their product: that of a place with 60 templates took a megabyte.
 * So alternatives are asked one by one.
 */
function askedOf(language: Language): Asked {
  if (language.kind === 'text') return language
  if (language.kind === 'any') return { kind: 'any', of: language.of.map(patternOf) }
  const parts = language.kind === 'seq' ? language.parts : []
  const at = parts.findIndex((part) => part.kind === 'text' && part.text === SUBJECT_TO)
  if (at < 0) return { kind: 'expression', source: sourceOf(language) }
  const head = patternOf(seq(...parts.slice(0, at)))
  return { kind: 'pair', head, tail: patternOf(seq(...parts.slice(at + 1))) }
}

function isIn(asked: Asked, subject: string): boolean {
  switch (asked.kind) {
    case 'text':
      return subject === asked.text
    case 'any':
      for (const one of asked.of) if (one.has(subject)) return true
      return false
    case 'pair': {
      const { head, tail } = asked
      for (
        let at = subject.indexOf(SUBJECT_TO);
        at >= 0;
        at = subject.indexOf(SUBJECT_TO, at + 1)
      ) {
        if (head.has(subject.slice(0, at)) && tail.has(subject.slice(at + 1))) return true
      }
      return false
    }
    case 'expression':
      return expressionOf(asked.source).test(subject)
  }
}

const patterns = new WeakMap<Language, PathPattern>()

function patternOf(language: Language): PathPattern {
  let pattern = patterns.get(language)
  if (pattern === undefined) {
    pattern = new PathPattern(language)
    patterns.set(language, pattern)
  }
  return pattern
}

/** Compiled, an expression takes two kilobytes or more: those that were asked last are kept, the last one at the end. */
const expressions = new Map<string, RegExp>()
export const EXPRESSIONS_KEPT = 512

function expressionOf(source: string): RegExp {
  const known = expressions.get(source)
  if (known !== undefined) expressions.delete(source)
  else if (expressions.size >= EXPRESSIONS_KEPT) {
    expressions.delete(expressions.keys().next().value ?? '')
  }
  const expression = known ?? new RegExp(`^(?:${source})$`)
  expressions.set(source, expression)
  return expression
}

function prefixOf(language: Language): string {
  if (language.kind === 'text') return language.text
  const [first] = language.kind === 'seq' ? language.parts : []
  return first?.kind === 'text' ? first.text : ''
}

function suffixOf(language: Language): string {
  if (language.kind === 'text') return language.text
  const last = language.kind === 'seq' ? language.parts.at(-1) : undefined
  return last?.kind === 'text' ? last.text : ''
}
