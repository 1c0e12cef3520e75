import { any, before, type Language, PathPattern, seq, SUBJECT_TO, text } from './language.ts'
import { tokenLanguage } from './token-language.ts'
import type { RelatedShown, Witnesses } from './witness.ts'

/** A rename's witness is written with it between its paths; its subject has {@link SUBJECT_TO} there. */
export const RENAMES_TO = ' → '

const sources = new WeakMap<PathPattern, PathPattern>()

/** The names that a pattern of renames gives away. */
export function sourcesOf(renames: PathPattern): PathPattern {
  const known = sources.get(renames)
  if (known !== undefined) return known
  const made = new PathPattern(before(renames.language, SUBJECT_TO))
  sources.set(renames, made)
  return made
}

/** A literal stretch of a shaped path, or a token. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'token'
      /** All of its type. */
      readonly open: PathPattern
      /** The place that its witnesses are kept in; undefined where it needs none. */
      readonly place: number | undefined
    }
type Token = Extract<Part, { kind: 'token' }>

const nothing: Language = { kind: 'any', of: [] }

/** What an object that is no single path can stand for, and how far its witnesses open it. */
export interface ObjectPattern {
  /** Distinct values that each place of a shape needs. */
  readonly thresholds: readonly number[]
  /** All that it can stand for at most. */
  readonly open: PathPattern
  /** Characters that are not variable: of two patterns the one with more is the more specific. */
  readonly literalSize: number
  of(witnesses: Witnesses, related?: RelatedShown): PathPattern
}

/** What a shaped path can stand for, and how far its witnesses open it: as a language over its subject. */
export class ShapePattern implements ObjectPattern {
  readonly thresholds: readonly number[]
  /** Every place open to its type. */
  readonly open: PathPattern
  readonly literalSize: number
  readonly #parts: readonly Part[]
  readonly #isArguments: boolean

  /**
   * @param shaped in the language of shapes; of a rename, both paths joined by NUL
   * @param thresholds distinct values that each place needs
   * @param needsPlace whether values of that token are kept
   */
  constructor(
    shaped: string,
    thresholds: readonly number[],
    needsPlace: (token: string) => boolean,
  ) {
    this.thresholds = thresholds
    this.#parts = partsOf(shaped, thresholds.length, needsPlace)
    this.#isArguments = shaped.startsWith('\u0000')
    this.open = new PathPattern(shapedLanguage(shaped))
    this.literalSize = this.#parts.reduce(
      (size, part) => size + (part.kind === 'text' ? part.text.length : 0),
      0,
    )
  }

  /**
   * The paths that these witnesses stand for.
   *
   * INVARIANT: includes every path of this shape that `Witnesses.covers` accepts.
   */
  of(witnesses: Witnesses, related?: RelatedShown): PathPattern {
    const { thresholds } = this
    const open = thresholds.map((needed, i) => witnesses.isOpen(i, needed, related))
    if (open.every((place) => place)) return this.open
    if (this.#isArguments) return this.#ofArguments(witnesses, open)
    const literals = witnesses.literals.toJSON().flatMap((literal) => this.#subjects(literal))
    if (!open.includes(true) && !witnesses.literals.full) {
      return new PathPattern(any(literals.map(text)))
    }
    const crossed = new PathPattern(this.#crossed(witnesses, open))
    const others = literals.filter((literal) => !crossed.has(literal))
    if (others.length === 0) return crossed
    return new PathPattern(any([crossed.language, ...others.map(text)]))
  }

  /**
   * For arguments a witness is itself a pattern: anything may follow the arguments that define the
   * action.
   */
  #ofArguments(witnesses: Witnesses, open: readonly boolean[]): PathPattern {
    const literals = witnesses.literals.toJSON().map((literal) => shapedLanguage(literal))
    const isCrossed = open.includes(true) || witnesses.literals.full
    const crossed = isCrossed ? [this.#crossed(witnesses, open)] : []
    return new PathPattern(any([...crossed, ...literals]))
  }

  /** A literal is a witness of this shape where it is of its types; of a rename, for each way to read it. */
  #subjects(literal: string): readonly string[] {
    if (this.open.has(literal)) return [literal]
    const subjects: string[] = []
    for (let at = literal.indexOf(RENAMES_TO); at >= 0; at = literal.indexOf(RENAMES_TO, at + 1)) {
      const to = literal.slice(at + RENAMES_TO.length)
      const subject = `${literal.slice(0, at)}${SUBJECT_TO}${to}`
      if (this.open.has(subject)) subjects.push(subject)
    }
    return subjects
  }

  /** Each place stands for its type or for its values. Tokens that share a place are taken together. */
  #crossed(witnesses: Witnesses, open: readonly boolean[]): Language {
    const last = this.thresholds.length - 1
    const shared = this.#parts.filter((part) => part.kind === 'token' && part.place === last)
    const first = this.#parts.findIndex((part) => part === shared[0])
    const end = this.#parts.findLastIndex((part) => part === shared[shared.length - 1]) + 1
    const one = (part: Part): Language => {
      if (part.kind === 'text') return part
      if (part.place === undefined || open[part.place] === true) return part.open.language
      return shown([part], [part], witnesses.places[part.place]?.toJSON() ?? [])
    }
    if (shared.length < 2 || open[last] === true) return seq(...this.#parts.map(one))
    const stretch = this.#parts.slice(first, end)
    return seq(
      ...this.#parts.slice(0, first).map(one),
      shown(stretch, shared as readonly Token[], witnesses.places[last]?.toJSON() ?? []),
      ...this.#parts.slice(end).map(one),
    )
  }
}

/** A stretch of parts whose tokens `closed` stand for the values that were shown together, joined by NUL. */
function shown(
  stretch: readonly Part[],
  closed: readonly Part[],
  values: readonly string[],
): Language {
  const tuples = values
    .map((value) => value.split('\u0000'))
    .filter((tuple) => tuple.length === closed.length)
    .filter((tuple) => closed.every((part, i) => isOf(part, tuple[i] ?? '')))
  return any(
    tuples.map((tuple) =>
      seq(
        ...stretch.map((part) => {
          if (part.kind === 'text') return part
          const i = closed.indexOf(part)
          return i < 0 ? part.open.language : text(tuple[i] ?? '')
        }),
      ),
    ),
  )
}

/** All that a text in the language of shapes stands for, every place open. */
export function shapedLanguage(shaped: string): Language {
  const parts = partsOf(shaped, 0, () => false)
  return seq(...parts.map((part) => (part.kind === 'text' ? part : part.open.language)))
}

function isOf(part: Part, value: string): boolean {
  return part.kind === 'token' && part.open.has(value)
}

/** Every shape has some of a few tokens. Bounded: the length of a token is up to who names files. */
const tokenPatterns = new Map<string, PathPattern>()
const TOKENS_KEPT = 256

function tokenPattern(name: string, length: string | undefined): PathPattern {
  const token = `${name}:${length ?? ''}`
  const known = tokenPatterns.get(token)
  if (known !== undefined) return known
  const language = tokenLanguage(name, length === undefined ? undefined : Number(length))
  const made = new PathPattern(language ?? nothing)
  if (tokenPatterns.size >= TOKENS_KEPT) tokenPatterns.clear()
  tokenPatterns.set(token, made)
  return made
}

function partsOf(
  shaped: string,
  places: number,
  needsPlace: (token: string) => boolean,
): readonly Part[] {
  const parts: Part[] = []
  let literal = ''
  let end = 0
  let place = 0
  for (const found of shaped.matchAll(/<([a-z]+)(?::(\d+))?>/g)) {
    const [whole, name = '', length] = found
    literal += shaped.slice(end, found.index)
    end = found.index + whole.length
    if (name === 'lt' && length === undefined) {
      literal += '<'
      continue
    }
    if (literal !== '') parts.push({ kind: 'text', text: literal })
    literal = ''
    const needs = needsPlace(name)
    parts.push({
      kind: 'token',
      open: tokenPattern(name, length),
      place: needs ? Math.min(place, places - 1) : undefined,
    })
    if (needs) place += 1
  }
  literal += shaped.slice(end)
  if (literal !== '') parts.push({ kind: 'text', text: literal })
  return parts
}
