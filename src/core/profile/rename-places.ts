import { certainForm } from '../learning/notation.ts'
import type { FilePlace, Place } from '../learning/place.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { PathPattern } from '../behaviour/language.ts'
import { PLACE_KEPT, type PlaceObject } from '../behaviour/place-pattern.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { plainPath } from '../behaviour/shape.ts'
import type { RenameUse } from './path-uses.ts'

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

const S = '\u0000'

/** Renames of one make from which on others of that make are expected. */
const RENAMES_LEAST = 2

export function ofFiles(derived: {
  readonly object: PlaceObject
  readonly place: FilePlace
}): readonly Derived[] {
  const { object, place } = derived
  return object.kind === 'file' ? [{ object, place }] : []
}

type Derived = { readonly object: FileObject; readonly place: Place }

interface Taken {
  readonly derived: Derived
  readonly template: string
}

/** Renames from place to place, or onto one name: a rename within an `own` place needs no place for renames. */
export function renamePlaces(
  places: readonly Derived[],
  renames: readonly RenameUse[],
): readonly Derived[] {
  const own = places.filter(({ place }) => place.class !== 'read')
  const patterns = own.flatMap((derived) =>
    derived.place.templates.map((template) => ({
      derived,
      template,
      pattern: new PathPattern(shapedLanguage(template)),
    })),
  )
  const taker = (path: string): Taken | undefined =>
    patterns.find(({ pattern }) => pattern.has(path))
  const byObject = new Map<string, { object: FileObject; pairs: Map<string, RenameUse[]> }>()
  for (const rename of renames) {
    const from = taker(rename.from)
    const to = taker(rename.to)
    if (from === undefined && to === undefined) continue
    if (from?.derived === to?.derived && from?.derived.place.class === 'own') continue
    const object: FileObject = {
      kind: 'file',
      access: 'rename',
      path: from?.derived.object.path ?? plainPath(rename.from),
      to: to?.derived.object.path ?? plainPath(rename.to),
    }
    const key = `${object.path}${S}${object.to}`
    let made = byObject.get(key)
    if (made === undefined) {
      made = { object, pairs: new Map() }
      byObject.set(key, made)
    }
    const pair = `${from?.template ?? plainPath(rename.from)}${S}${to?.template ?? plainPath(rename.to)}`
    const uses = made.pairs.get(pair)
    if (uses === undefined) made.pairs.set(pair, [rename])
    else uses.push(rename)
  }
  return [...byObject.values()].flatMap(({ object, pairs }) => {
    const often = pairsOf(object, pairs, own)
    const [base] = places
    if (often.templates.length === 0 || base === undefined) return []
    const { uses } = often
    const origins = [...new Set(uses.map(({ origin }) => origin))].sort()
    const source = own.find(({ object: { path } }) => path === object.path || path === object.to)
    const place: Place = {
      ...(source ?? base).place,
      class: 'rename',
      templates: often.templates,
      origins,
      witnesses: uses.slice(0, 8).map(({ from, to }) => `${from} → ${to}`),
    }
    return [{ object, place }]
  })
}

/**
 * From one place to another where both are the program's own, renames of a few names are of all: it may write the one and
 * the other as it is. Onto a single name, those makes that were seen often, or to or from a name that is never given twice.
 */
function pairsOf(
  { path, to }: FileObject,
  pairs: ReadonlyMap<string, readonly RenameUse[]>,
  own: readonly Derived[],
): { readonly templates: readonly string[]; readonly uses: readonly RenameUse[] } {
  const all = [...pairs.values()].flat()
  const made = (of: string | undefined): readonly string[] =>
    own.flatMap(({ object, place }) =>
      object.path === of && place.class === 'own' ? place.templates : [],
    )
  const every = made(path).flatMap((from) => made(to).map((onto) => `${from}${S}${onto}`))
  if (all.length >= RENAMES_LEAST && every.length > 0 && every.length <= PLACE_KEPT) {
    return { templates: every.sort(), uses: all }
  }
  const often = [...pairs].filter(
    ([, uses]) => uses.length >= RENAMES_LEAST || uses.every(isOfOneUse),
  )
  return { templates: often.map(([pair]) => pair).sort(), uses: often.flatMap(([, uses]) => uses) }
}

function isOfOneUse({ from, to }: RenameUse): boolean {
  return [from, to].some((path) => certainForm(path.slice(path.lastIndexOf('/') + 1)) !== undefined)
}
