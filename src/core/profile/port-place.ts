import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { drawnOf, isDrawn, rangeText } from '../behaviour/ports.ts'
import { drawnPorts, type PortUse } from '../learning/drawn-ports.ts'
import type { Place } from '../learning/place.ts'
import type { VocabularyOptions } from '../learning/vocabulary.ts'
import type { Origin } from '../event/event.ts'
import type { LiveEntry } from './live-entry.ts'

/** Ports that are named as witnesses. */
const NAMED = 8

/** A range of ports as a place: it is learned, inherited, decided on and shown like one of files. */
export interface PortPlace {
  readonly object: BehaviourObject
  readonly place: Place
}

/** What is drawn of the ports of one actor, user, protocol, and peer or address. */
export function portPlacesOf(
  entries: Iterable<LiveEntry>,
  options: VocabularyOptions,
): readonly PortPlace[] {
  const uses: PortUse[] = []
  const origins = new Set<Origin>()
  let object: ReturnType<typeof drawnOf>
  for (const entry of entries) {
    const drawn = drawnOf(entry.object)
    const use = drawn === undefined ? undefined : useOf(entry, origins)
    if (use === undefined) continue
    object = drawn
    uses.push(use)
  }
  const found = object === undefined ? undefined : drawnPorts(uses, options)
  if (object === undefined || found === undefined) return []
  const ports = uses.map(({ port }) => port).sort((a, b) => a - b)
  const step = Math.max(1, Math.floor(ports.length / NAMED))
  const place: Place = {
    base: `${object.protocol} ${object.kind === 'connect' ? object.peer : object.address}`,
    depth: 0,
    class: object.kind,
    templates: [rangeText(found.range)],
    figures: found.figures,
    origins: [...origins].sort(),
    renames: false,
    witnesses: ports.flatMap((port, i) => (i % step === 0 ? [String(port)] : [])).slice(0, NAMED),
  }
  return [{ object, place }]
}

function useOf(entry: LiveEntry, origins: Set<Origin>): PortUse | undefined {
  const { object, decision } = entry
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  if (isDrawn(object) || decision?.kind === 'rejected') return undefined
  const containers = new Set<string>()
  let [acts, first, last] = [0, Infinity, -Infinity]
  for (const cell of entry.allCells()) {
    if (!cell.grants || cell.count === 0) continue
    acts += cell.count
    first = Math.min(first, cell.first)
    last = Math.max(last, cell.last)
    containers.add(cell.container)
    origins.add(cell.origin)
  }
  return acts === 0 ? undefined : { port: object.port, acts, first, last, containers }
}
