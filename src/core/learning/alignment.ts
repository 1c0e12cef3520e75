import { plainPath } from '../behaviour/shape.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import type { Steps } from '../steps.ts'
import {
  commonPrefix,
  type CutName,
  cutName,
  extensionAt,
  isMadeUp,
  isRandom,
  isSlug,
  kindOf,
  leadingLetters,
  literalHead,
  trailingLetters,
} from './name.ts'

/** Names of one form: constant parts are literal, variable parts are tokens of the language of shapes. */
export interface Alignment {
  /** `job-<alnum:16>.in` */
  readonly template: string
  readonly names: readonly string[]
  /** A program generated the variable parts, as far as can be seen: they contain digits, or letters as in no word. */
  readonly madeUp: boolean
}

export interface Aligned {
  readonly alignments: readonly Alignment[]
  /** Names that are like no others. */
  readonly rest: readonly string[]
}

/** A token is constant where more than that share of the names has it. */
const CONSTANT = 0.8
/** This many characters, all digits, are a number: among hexadecimal strings that happens by chance once in forty. */
const DIGITS_LEAST = 8
/** Hexadecimal digits of the shortest digest that is known as one. */
const DIGEST_LEAST = 16
/** Numbers are a count if at least one of this many was seen. */
const COUNTED_SPARSE = 4
/** An alignment needs this many names. */
const NAMES_LEAST = 3
/** This many names of one extension are aligned without the other extensions. */
const ALONE_LEAST = 5
/** A set of at most this many words, each seen at least that often, stays a set of words. */
const WORDS_MOST = 3
const WORD_LEAST = 3
/** At most this many extensions are a set; more are generated names themselves. */
const EXTENSIONS_MOST = 8
/** Minimum length of a literal prefix that all varying words share. */
const PREFIX_LEAST = 3
/** The least length of an extension that varies: an extension that means something is shorter. */
const RANDOM_EXTENSION_LEAST = 5
/** A name without its extension, where extensions of the folder are a set. */
interface Stem {
  readonly name: string
  readonly stem: CutName
  readonly extension: string
}

/** An alignment with what it was made of. */
interface Found extends Alignment {
  readonly stems: readonly Stem[]
  /** Nothing in it is constant but separators, and a part of it is text and no certain notation. */
  readonly isText: boolean
}

/** Names that are looked at in one step. */
const atOnce = 256

/**
 * Finds the common form of the names in a folder. Linear in their number and length except for sorting; independent of
 * the order of the names.
 *
 * @param of what the names are of: the name of a folder has no extension that means something
 */
export function* align(names: Iterable<string>, of: 'files' | 'folders' = 'files'): Steps<Aligned> {
  const sorted = [...new Set(names)].sort()
  const rest: string[] = []
  const stems = yield* stemsOf(sorted, rest)
  const found: Found[] = []
  const apart: Stem[] = []
  const { alike, loose } = byLength(stems)
  yield
  for (const group of grouped(alike, ({ stem }) => stem.separators).values()) {
    const few: Stem[] = []
    for (const some of grouped(group, ({ extension }) => extension).values()) {
      if (some.length >= ALONE_LEAST) apart.push(...(yield* alignWords(some, found)))
      else few.push(...some)
    }
    // Few of an extension are made like the others of the folder.
    if (few.length > 0) apart.push(...(yield* alignWords(few, found, group)))
  }
  apart.push(...loose)
  const { settled, texts } = textsOf(found, apart)
  yield
  const { alignments, left } = alignLoosely([...apart, ...texts.flatMap((one) => one.stems)], of)
  yield
  const out = new Set(left)
  // Names that a looser form does not take keep the form that they have.
  const kept = texts.filter((one) => one.stems.some((stem) => out.has(stem)))
  for (const { stems: some } of kept) for (const stem of some) out.delete(stem)
  for (const { name } of out) rest.push(name)
  return {
    alignments: [...settled, ...kept, ...alignments].map(({ template, names: taken, madeUp }) => ({
      template,
      names: taken,
      madeUp,
    })),
    rest: rest.sort(),
  }
}

/** A hidden file is hidden, and none of those that are not. */
function isHidden(one: Stem | undefined): boolean {
  return one?.stem.text.startsWith('.') === true
}

/** One name with other separators may be a file with a meaning. */
const OTHERS_LEAST = 2

/**
 * Separates forms in which nothing is constant, where a folder has several of one extension: then the separators vary as
 * the words do, and the next name may have others.
 */
function textsOf(
  found: readonly Found[],
  apart: readonly Stem[],
): {
  readonly settled: readonly Found[]
  readonly texts: readonly Found[]
} {
  const settled = found.filter(({ isText }) => !isText)
  const texts: Found[] = []
  const keyOf = (one: Stem | undefined): string => `${isHidden(one)}${one?.extension ?? ''}`
  const single = grouped(apart, keyOf)
  for (const [key, forms] of grouped(
    found.filter(({ isText }) => isText),
    ({ stems: [first] }) => keyOf(first),
  )) {
    const separators = new Set(
      forms.flatMap(({ stems }) => stems.map(({ stem }) => stem.separators)),
    )
    const others = single.get(key)?.filter(({ stem }) => !separators.has(stem.separators)) ?? []
    if (separators.size > 1 || others.length >= OTHERS_LEAST) texts.push(...forms)
    else settled.push(...forms)
  }
  return { settled, texts }
}

/**
 * Names of words with one separator, in this many different lengths, are texts: the number of their words has no
 * meaning.
 */
const LENGTHS_LEAST = 3

/** Separates names that are texts: many words with one separator, and a varying number of words. */
function byLength(stems: readonly Stem[]): { readonly alike: Stem[]; readonly loose: Stem[] } {
  const alike: Stem[] = []
  const loose: Stem[] = []
  for (const group of grouped(stems, textOf).values()) {
    const lengths = new Set(group.map(({ stem }) => stem.separators.length))
    const isText = lengths.size >= LENGTHS_LEAST && group.length > LENGTHS_LEAST
    if (isText && group[0]?.stem.separators !== '') loose.push(...group)
    else alike.push(...group)
  }
  return { alike, loose }
}

function textOf({ stem: { separators }, extension }: Stem): string {
  const [by] = separators
  const isOne =
    by !== undefined && '-_ '.includes(by) && separators === by.repeat(separators.length)
  return isOne ? `${by}${extension}` : `${separators}\u0000${extension}`
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** Extensions carry meaning: a name is only like others of its extension, and one that was seen once is its own. */
function* stemsOf(names: readonly string[], rest: string[]): Steps<readonly Stem[]> {
  const all = new Set(names)
  const counts = new Map<string, number>()
  let extended = 0
  const numbered = numberedExtensions(names)
  yield
  const longer = doubleExtensions(names)
  yield
  const extensionOf = (name: string): string => {
    const at = extensionAt(name)
    const extension = at < 0 ? '' : name.slice(at)
    if (numbered.has(leadingLetters(extension.slice(1)))) return ''
    return longer.get(extension) ?? extension
  }
  for (const name of names) {
    const extension = extensionOf(name)
    if (extension === '') continue
    extended += 1
    counts.set(extension, (counts.get(extension) ?? 0) + 1)
  }
  const settled = [...counts.values()].filter((count) => count > 1).length
  const single = counts.size - settled
  const isOpen = single > EXTENSIONS_MOST || (single > NAMES_LEAST && single * 2 > extended)
  yield
  const singlesOf = new Map<string, number>()
  for (const name of names) {
    const extension = extensionOf(name)
    if (counts.get(extension) !== 1) continue
    const stem = name.slice(0, name.length - extension.length)
    singlesOf.set(stem, (singlesOf.get(stem) ?? 0) + 1)
  }
  const stems: Stem[] = []
  const put = (name: string, text: string, extension: string): void => {
    const stem = cutName(text)
    if (stem === undefined) rest.push(name)
    else stems.push({ name, stem, extension })
  }
  const variesFor = (stem: string): boolean => (singlesOf.get(stem) ?? 0) >= NAMES_LEAST
  for (const [i, name] of names.entries()) {
    if (i % atOnce === 0) yield
    const extension = extensionOf(name)
    const stem = name.slice(0, name.length - extension.length)
    const isKnown = (counts.get(extension) ?? 0) > 1 || all.has(stem)
    if (extension === '') put(name, name, '')
    else if (isKnown) put(name, stem, extension)
    else if (extension.length > RANDOM_EXTENSION_LEAST && (isOpen || variesFor(stem)))
      put(name, name, '')
    else rest.push(name)
  }
  return stems
}

/** `part` where names end in `.part0` and `.part1`: a number varies there, as anywhere. */
function numberedExtensions(names: readonly string[]): ReadonlySet<string> {
  const numbers = new Map<string, Set<string>>()
  for (const name of names) {
    const at = extensionAt(name)
    if (at < 0) continue
    const extension = name.slice(at + 1)
    const letters = leadingLetters(extension)
    const number = extension.slice(letters.length)
    if (kindOf(number) === 'digits')
      numbers.set(letters, (numbers.get(letters) ?? new Set()).add(number))
  }
  return new Set([...numbers].flatMap(([letters, of]) => (of.size > 1 ? [letters] : [])))
}

/** `.json.part` for `.part`, where all names that end in `.part` end in that. */
function doubleExtensions(names: readonly string[]): ReadonlyMap<string, string> {
  const doubles = new Map<string, string>()
  for (const [extension, some] of grouped(names, (name) =>
    name.slice(nonNegative(extensionAt(name), name)),
  )) {
    const ends = new Set(
      some.map((name) => {
        const stem = name.slice(0, name.length - extension.length)
        return stem.slice(nonNegative(extensionAt(stem), stem))
      }),
    )
    const [end = ''] = ends
    if (extension !== '' && end !== '' && ends.size === 1 && some.length >= ALONE_LEAST)
      doubles.set(extension, end + extension)
  }
  return doubles
}

/** Where there is no extension, the end of the text. */
function nonNegative(at: number, text: string): number {
  return at < 0 ? text.length : at
}

/** What stands at one place of the names, as text in the language of shapes; undefined where it is no one thing. */
interface Position {
  readonly texts: readonly string[]
  /** The exceptions seen there. */
  readonly others?: ReadonlySet<string>
  readonly varies?: 'words' | 'made-up'
}

/** Aligns names with the same separators; gives back those that are like no others. */
function* alignWords(
  group: readonly Stem[],
  found: Found[],
  like: readonly Stem[] = group,
): Steps<readonly Stem[]> {
  const asked = new Set(group)
  let members = like
  const apart: Stem[] = []
  for (;;) {
    const extensions = grouped(members, ({ extension }) => extension)
    const isPair = members.length === 2 && extensions.size === 1
    if (members.length < NAMES_LEAST && !isPair)
      return [...apart, ...members].filter((one) => asked.has(one))
    const width = members[0]?.stem.words.length ?? 0
    const positions: Position[] = []
    for (let i = 0; i < width; i++) {
      yield
      const words = members.map(({ stem }) => stem.words[i] ?? '')
      const isExtension =
        i > 0 && i === width - 1 && members.every((member) => endsVarying(member, i))
      const extension = isExtension ? extensionOf(words) : undefined
      positions.push(extension ?? (yield* positionOf(words)))
    }
    yield
    const others = members.filter(({ stem }) =>
      positions.some(({ others: no }, i) => no?.has(stem.words[i] ?? '') === true),
    )
    if (others.length > 0) {
      apart.push(...others)
      const out = new Set(others)
      members = members.filter((member) => !out.has(member))
      continue
    }
    const varying = positions.filter(({ varies }) => varies !== undefined)
    // Two names are enough only if they differ in numbers or in strings that no person would write.
    const isWeak = isPair && varying.some(({ varies }) => varies === 'words')
    if (varying.length === 0 || isWeak)
      return [...apart, ...members].filter((one) => asked.has(one))
    for (const [extension, all] of extensions) {
      const some = all.filter((one) => asked.has(one))
      if (some.length === 0) continue
      const names = some.map(({ name }) => name)
      for (const template of joined(some, positions)) {
        found.push({
          template: template + plainPath(extension),
          names,
          madeUp: varying.some(({ varies }) => varies === 'made-up'),
          stems: some,
          isText: areText(positions),
        })
      }
    }
    return apart.filter((one) => asked.has(one))
  }
}

function areText(positions: readonly Position[]): boolean {
  const texts = positions.flatMap((position) => position.texts)
  const isBare = texts.every((text) => text === '' || text.startsWith('<'))
  return isBare && texts.some((text) => text.startsWith('<alnum') || text.startsWith('<maybe'))
}

function joined(members: readonly Stem[], positions: readonly Position[]): readonly string[] {
  const separators = members[0]?.stem.separators ?? ''
  let heads = ['']
  for (const [i, { texts }] of positions.entries()) {
    const separator = i === 0 ? '' : plainPath(separators[i - 1] ?? '')
    heads = heads.flatMap((head) => texts.map((text) => head + separator + text))
  }
  return heads
}

/** The last word, behind a dot, if that was not taken for an extension. */
function endsVarying({ stem, extension }: Stem, at: number): boolean {
  return extension === '' && stem.separators[at - 1] === '.'
}

/** A generated part behind a dot has a fixed length; that distinguishes it from a real extension. */
function extensionOf(words: readonly string[]): Position | undefined {
  const [first = ''] = words
  const isOne = words.every((word) => word.length === first.length)
  const isNumber = words.every((word) => kindOf(word) === 'digits')
  if (!isOne || isNumber || first.length < RANDOM_EXTENSION_LEAST) return undefined
  if (words.filter(isMadeUp).length * 2 < words.length) return undefined
  return { texts: [`<fixed:${first.length}>`], varies: 'made-up' }
}

function* positionOf(words: readonly string[]): Steps<Position> {
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

/**
 * Names whose separators differ, as in the titles of pages and in base64. A common beginning up to a separator, and the
 * extension, stay literal. Between these are letters, digits and the separators that were seen there.
 */
function alignLoosely(
  stems: readonly Stem[],
  of: 'files' | 'folders',
): { readonly alignments: readonly Alignment[]; readonly left: readonly Stem[] } {
  const alignments: Alignment[] = []
  const left: Stem[] = []
  for (const group of grouped(stems, (one) => `${isHidden(one)}${one.extension}`).values()) {
    const [first] = group
    if (first === undefined) continue
    const head = group.length > NAMES_LEAST ? literalHead(group.map(({ stem }) => stem)) : ''
    const isPlain = ({ stem }: Stem): boolean => isSlug(stem.text.slice(head.length))
    const plain = group.filter(isPlain)
    const rest = group.filter((one) => !isPlain(one))
    // A few with other separators than most: the next names have these as well.
    const areOne =
      first.extension !== '' && rest.length >= OTHERS_LEAST && rest.length <= NAMES_LEAST
    const slugs = areOne ? [] : plain
    const others = areOne ? group : rest
    // With neither an extension nor fewer separators, the name of a file could be any.
    const mayBeFree = first.extension !== '' || head !== '' || of === 'folders'
    const forms = [
      { members: slugs, token: 'slug', isOpen: true },
      { members: others, token: 'free', isOpen: mayBeFree && !(isHidden(first) && head === '.') },
    ]
    for (const { members, token, isOpen } of forms) {
      if (!isOpen || members.length <= NAMES_LEAST) {
        left.push(...members)
        continue
      }
      const made = members.filter(({ stem }) => stem.words.some(isMadeUp)).length
      alignments.push({
        template: `${plainPath(head)}<${token}:${ANY_LENGTH}>${plainPath(first.extension)}`,
        names: members.map(({ name }) => name),
        madeUp: made * 2 >= members.length,
      })
    }
  }
  return { alignments, left }
}

/** In so many ways people and programs name things together: the next way has other separators. */
const WAYS_MOST = 3

/** The form of folders that are named in different ways: what all begin with and end in is literal. */
export function formOfAll(names: readonly string[]): string {
  const ends = new Set(names.map((name) => name.slice(nonNegative(extensionAt(name), name))))
  const [end = ''] = ends.size === 1 ? ends : []
  const cuts = names.map((name) => cutName(name.slice(0, name.length - end.length)))
  const head = literalHead(cuts.flatMap((cut) => cut ?? []))
  const ways = new Set(cuts.map((cut) => cut?.separators))
  const isOne =
    ways.size < WAYS_MOST &&
    names.every((name) => isSlug(name.slice(head.length, name.length - end.length)))
  return `${plainPath(head)}<${isOne ? 'slug' : 'free'}:${ANY_LENGTH}>${plainPath(end)}`
}
