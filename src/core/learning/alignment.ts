import { plainPath } from '../behaviour/shape.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import type { Steps } from '../steps.ts'
import { cutName, isMadeUp, isSlug, literalHead } from './name.ts'
import { ALONE_LEAST, extensionIn, grouped, NAMES_LEAST, type Stem, stemsOf } from './stem.ts'
import { extensionForm, formOf, type Position } from './word-form.ts'

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

/** An alignment with what it was made of. */
interface Found extends Alignment {
  readonly stems: readonly Stem[]
  /** Nothing in it is constant but separators, and a part of it is text and no certain notation. */
  readonly isText: boolean
}

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
      const extension = isExtension ? extensionForm(words) : undefined
      positions.push(extension ?? (yield* formOf(words)))
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
  const ends = new Set(names.map((name) => extensionIn(name)))
  const [end = ''] = ends.size === 1 ? ends : []
  const cuts = names.map((name) => cutName(name.slice(0, name.length - end.length)))
  const head = literalHead(cuts.flatMap((cut) => cut ?? []))
  const ways = new Set(cuts.map((cut) => cut?.separators))
  const isOne =
    ways.size < WAYS_MOST &&
    names.every((name) => isSlug(name.slice(head.length, name.length - end.length)))
  return `${plainPath(head)}<${isOne ? 'slug' : 'free'}:${ANY_LENGTH}>${plainPath(end)}`
}
