import { type BehaviourObject, objectKey } from '../behaviour/behaviour.ts'
import { domainOf, firstLabel, isDnsPeer } from '../behaviour/dns-name.ts'
import { isWildcard, wildcardOf } from '../behaviour/peer.ts'
import { drawnOf, isDrawn, rangeText } from '../behaviour/ports.ts'
import { drawnPorts } from '../learning/drawn-ports.ts'
import { mayVaryBelow, openLabels } from '../learning/open-labels.ts'
import type { Place } from '../learning/place.ts'
import type { NameUse, VocabularyFigures, VocabularyOptions } from '../learning/vocabulary.ts'
import type { Origin } from '../event/event-words.ts'
import type { Allowance } from './allowance.ts'
import type { LiveEntry } from './live-entry.ts'

/** Ports and names that are named as witnesses. */
const NAMED = 8

type NetworkObject = Extract<BehaviourObject, { kind: 'connect' | 'listen' }>

/**
 * A range of ports, or the names below a domain, as a place: it is learned, inherited, decided on and shown like one of
 * files.
 */
export interface NetworkPlace {
  readonly object: NetworkObject
  readonly place: Place
}

/**
 * Entries of one key share their places: those of one protocol, and of one peer or address, or of all names with one
 * label before a domain. Undefined of objects that are of no such place.
 */
export function networkKey(object: BehaviourObject): string | undefined {
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  const isNamed = object.kind === 'connect' && object.protocol !== 'unix' && isDnsPeer(object.peer)
  if (isNamed) return `${object.protocol} ${domainOf(object.peer)}`
  const drawn = drawnOf(object)
  return drawn === undefined ? undefined : objectKey(drawn)
}

/** What is drawn of the ports, and which names are ever new, of one actor and user and one {@link networkKey}. */
export function networkPlacesOf(
  entries: Iterable<LiveEntry>,
  options: VocabularyOptions,
): readonly NetworkPlace[] {
  const seen = [...entries].flatMap((entry) => seenOf(entry) ?? [])
  return [
    ...grouped(seen, drawnOf).flatMap((group) => rangeOf(group, options)),
    ...grouped(seen, wildcardOf).flatMap((group) => wildcardFor(group, options)),
  ]
}

/** Whether all that the entry shows is of that place. */
export function isWithinNetworkPlace(entry: LiveEntry, place: Allowance): boolean {
  if (place.rejected) return false
  const { object } = entry
  const origins = [...entry.allCells()].map(({ origin }) => origin)
  if (isWildcard(place.object)) {
    const wildcard = wildcardOf(object)
    const grants = place.grantsAt(0)
    return (
      wildcard !== undefined &&
      objectKey(wildcard) === objectKey(place.object) &&
      origins.every((origin) => grants.includes(origin))
    )
  }
  const drawn = drawnOf(object)
  if (drawn === undefined || !('port' in object)) return false
  if (objectKey(drawn) !== objectKey(place.object)) return false
  return origins.every((origin) => place.takes(String(object.port), origin, 0))
}

/** What evidence shows of one port of one peer. */
interface Seen extends Omit<NameUse, 'name'> {
  readonly object: NetworkObject
  readonly origins: ReadonlySet<Origin>
}

interface Group {
  /** What they would be together. */
  readonly object: NetworkObject
  readonly all: readonly Seen[]
}

function grouped(
  seen: readonly Seen[],
  placeOf: (object: BehaviourObject) => NetworkObject | undefined,
): readonly Group[] {
  const groups = new Map<string, { object: NetworkObject; all: Seen[] }>()
  for (const one of seen) {
    const object = placeOf(one.object)
    if (object === undefined) continue
    const key = objectKey(object)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { object, all: [one] })
    else group.all.push(one)
  }
  return [...groups.values()]
}

function rangeOf({ object, all }: Group, options: VocabularyOptions): readonly NetworkPlace[] {
  const found = drawnPorts(
    all.map((one) => ({ ...one, port: one.object.port })),
    options,
  )
  if (found === undefined) return []
  const ports = all.map((one) => one.object.port).sort((a, b) => a - b)
  const at = object.kind === 'connect' ? object.peer : object.address
  const place = placeOf(all, {
    base: `${object.protocol} ${at}`,
    class: object.kind,
    templates: [rangeText(found.range)],
    figures: found.figures,
    witnesses: ports.map(String),
  })
  return [{ object, place }]
}

function wildcardFor({ object, all }: Group, options: VocabularyOptions): readonly NetworkPlace[] {
  if (object.kind !== 'connect' || !mayVaryBelow(domainOf(object.peer))) return []
  const uses = all.flatMap(({ object: one, ...use }) =>
    one.kind === 'connect' ? [{ ...use, name: firstLabel(one.peer) }] : [],
  )
  const figures = openLabels(uses, options)
  if (figures === undefined) return []
  const place = placeOf(all, {
    base: `${object.protocol} ${object.peer}:${object.port}`,
    class: 'name',
    templates: [object.peer],
    figures,
    witnesses: uses.map(({ name }) => `${name}.${domainOf(object.peer)}`).sort(),
  })
  return [{ object, place }]
}

function placeOf(
  all: readonly Seen[],
  what: Pick<Place, 'base' | 'class' | 'templates' | 'witnesses'> & {
    readonly figures: VocabularyFigures
  },
): Place {
  const step = Math.max(1, Math.floor(what.witnesses.length / NAMED))
  return {
    ...what,
    depth: 0,
    origins: [...new Set(all.flatMap(({ origins }) => [...origins]))].sort(),
    renames: false,
    witnesses: what.witnesses.filter((_, i) => i % step === 0).slice(0, NAMED),
  }
}

function seenOf(entry: LiveEntry): Seen | undefined {
  const { object, decision } = entry
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  if (isDrawn(object) || isWildcard(object) || decision?.kind === 'rejected') return undefined
  const containers = new Set<string>()
  const origins = new Set<Origin>()
  let [acts, first, last] = [0, Infinity, -Infinity]
  for (const cell of entry.allCells()) {
    if (!cell.grants || cell.count === 0) continue
    acts += cell.count
    first = Math.min(first, cell.first)
    last = Math.max(last, cell.last)
    containers.add(cell.container)
    origins.add(cell.origin)
  }
  return acts === 0 ? undefined : { object, acts, first, last, containers, origins }
}
