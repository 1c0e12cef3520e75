import { isOfClass } from '../behaviour/any-program.ts'
import type { LiveEntry } from '../profile/live-entry.ts'
import type { Micros } from '../event/time.ts'
import type { Steps } from '../steps.ts'

type Evidenced = Readonly<Pick<LiveEntry, 'actor' | 'object' | 'allCells'>>

/** Fewer programs than these say nothing about the next one. */
const programsLeast = 20
/** The part of all programs that the later half of the time showed first. A set that closes shows most at the start. */
const openShare = 1 / 4

export interface OpenPrograms {
  readonly programs: number
  /** Those that the later half of the time showed first. */
  readonly later: number
}

/**
 * Whether the set of programs grows on: undefined where it seems to close. A program is a file that was run, by any
 * program and with any arguments.
 *
 * @param from, until the time that was observed
 */
export function* openPrograms(
  entries: Iterable<Evidenced>,
  from: Micros,
  until: Micros,
): Steps<OpenPrograms | undefined> {
  const firsts = new Map<string, Micros>()
  for (const entry of entries) {
    yield
    const { object } = entry
    if (object.kind !== 'exec' || isOfClass(entry.actor)) continue
    const path = object.script ?? object.path
    for (const { first } of entry.allCells())
      firsts.set(path, Math.min(first, firsts.get(path) ?? Infinity))
  }
  if (firsts.size < programsLeast) return undefined
  const half = from + (until - from) / 2
  const later = [...firsts.values()].filter((first) => first >= half).length
  return later >= firsts.size * openShare ? { programs: firsts.size, later } : undefined
}

export function openProposalText({ programs, later }: OpenPrograms): string {
  return (
    `its programs do not close: the later half of the time showed ${later} of ${programs} first; ` +
    'class `open` expects further programs, and judges the rest'
  )
}
