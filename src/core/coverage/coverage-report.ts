import { type BehaviourKind, behaviourKinds } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import {
  type CellSpan,
  type ContainerRun,
  countSingletons,
  countSlices,
  countStarts,
  estimate,
  percentAtMost,
  plural,
  type Singletons,
  stintsOf,
} from './coverage.ts'
import type { LiveEntry } from '../profile/live-entry.ts'
import type { Steps } from '../steps.ts'

/** What stays closed where programs are an open set: see `OpenClass`. */
export const closedKinds: ReadonlySet<BehaviourKind> = new Set(['connect', 'identity', 'syscall'])

/** How well one kind of behaviour is covered; the bounds are 95 % upper bounds of a chance, 0..1. */
export interface KindCoverage {
  readonly kind: BehaviourKind
  readonly behaviours: number
  /** Seen in one container only. */
  readonly singletons: number
  /** That the next container, and the next hour of one, shows something new of this kind. */
  readonly nextContainer: number
  readonly nextHour: number
}

/** Coverage of starts and ends, which are separate units. */
export interface PhaseCoverage {
  readonly phase: 'start-up' | 'shutdown'
  /** Starts or ends that were watched. */
  readonly seen: number
  /** Behaviours that one of them alone showed. */
  readonly singletons: number
  readonly bound: number
}

export interface CoverageReport {
  readonly nextContainer: number
  readonly nextHour: number
  readonly kinds: readonly KindCoverage[]
  readonly phases: readonly PhaseCoverage[]
  /** Sentences about what the window cannot have shown. */
  readonly notYetSeen: readonly string[]
}

/** A scheduled job. `periodMs` is absent if the period is unknown. */
export interface KnownSchedule {
  readonly text: string
  readonly periodMs?: number
}

const hourMicros = 3_600_000_000

type Shown = readonly CellSpan[]
type Evidenced = Readonly<Pick<LiveEntry, 'object' | 'allCells'>>

/** What the service itself showed of each behaviour; exec sessions apart, and what follows from the image. */
function shownBy(entry: Evidenced): Shown {
  const shown: CellSpan[] = []
  for (const cell of entry.allCells()) {
    if (cell.origin !== 'exec-in' && cell.phase !== 'derived') shown.push(cell)
  }
  return shown
}

/**
 * Full coverage: by kind of behaviour, for the next container, for the next hour, and for starts
 * and ends. Each has a separate bound; {@link coverageOf} has the one that ends a window, over all
 * kinds.
 */
export function* coverageReportSteps(
  entries: Iterable<Evidenced>,
  runs: readonly ContainerRun[],
  slice: Micros,
  schedules: readonly KnownSchedule[],
): Steps<CoverageReport> {
  const byContainer = new Map(runs.map((run) => [run.container, run]))
  const slices = countSlices(runs, slice)
  const shown = new Map<BehaviourKind, Sums>(behaviourKinds.map((kind) => [kind, { ...none }]))
  for (const entry of entries) {
    yield
    const cells = shownBy(entry)
    const sums = shown.get(entry.object.kind)
    if (cells.length === 0 || sums === undefined) continue
    sums.behaviours += 1
    add(sums, countSingletons([cells], byContainer, slice))
  }
  const boundsOf = (single: Singletons) => ({
    nextContainer: estimate(runs.length, single.containers).bound,
    nextHour: hourBound(slices, single.slices, slice),
  })
  const kinds = behaviourKinds.map((kind) => {
    const single = shown.get(kind) ?? none
    return {
      kind,
      behaviours: single.behaviours,
      singletons: single.containers,
      ...boundsOf(single),
    }
  })
  const single = { ...none }
  for (const sums of shown.values()) add(single, sums)
  const { nextContainer, nextHour } = boundsOf(single)
  const ends = runs.flatMap(stintsOf).filter(({ ended }) => ended === true).length
  const phases = [
    phase('start-up', countStarts(runs), single.starts),
    phase('shutdown', ends, single.ends),
  ] as const
  const notYetSeen = [...unseenPhases(phases), ...unseenSchedules(schedules, runs)]
  return { nextContainer, nextHour, kinds, phases, notYetSeen }
}

type Sums = { -readonly [K in keyof Singletons]: Singletons[K] } & { behaviours: number }

const none: Readonly<Sums> = { behaviours: 0, containers: 0, slices: 0, starts: 0, ends: 0 }

function add(sums: Sums, { containers, slices, starts, ends }: Singletons): void {
  sums.containers += containers
  sums.slices += slices
  sums.starts += starts
  sums.ends += ends
}

/** An hour is many slices, each with its own chance. */
function hourBound(slices: number, singletons: number, slice: Micros): number {
  if (slices === 0) return 1
  const { bound } = estimate(slices, singletons)
  return Math.min(1, bound * Math.max(1, hourMicros / slice))
}

function phase(name: PhaseCoverage['phase'], seen: number, singletons: number): PhaseCoverage {
  return { phase: name, seen, singletons, bound: estimate(seen, singletons).bound }
}

function unseenPhases(phases: readonly PhaseCoverage[]): readonly string[] {
  return phases
    .filter(({ seen }) => seen === 0)
    .map(({ phase: name }) => `a ${name} of a container`)
}

/** A nightly job has been seen at the earliest once one container was watched for a day. */
function unseenSchedules(
  schedules: readonly KnownSchedule[],
  runs: readonly ContainerRun[],
): readonly string[] {
  const longest = Math.max(0, ...runs.flatMap(stintsOf).map(({ from, to }) => to - from)) / 1_000
  return schedules
    .filter(({ periodMs }) => periodMs === undefined || periodMs > longest)
    .map(({ text, periodMs }) => {
      const every = periodMs === undefined ? 'period unknown' : `every ${periodText(periodMs)}`
      return `${text} (${every}; longest run observed: ${periodText(longest)})`
    })
}

function periodText(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`
}

/** The chance for the next hour, for people. */
export function hourText(bound: number): string {
  if (bound >= 1) return 'too little was observed to estimate the next hour of a container'
  return `the next hour of a container shows something new with a chance of at most ${percentAtMost(bound)}`
}

/** One line of a kind for people. */
export function kindText({ kind, behaviours, nextContainer, nextHour }: KindCoverage): string {
  const bounds = `next container ≤${percentAtMost(nextContainer)}, next hour ≤${percentAtMost(nextHour)}`
  return `${kind}: ${behaviours} known, new behaviour: ${bounds}`
}

export function phaseText({ phase: name, seen, singletons, bound }: PhaseCoverage): string {
  if (seen === 0) return `${name}: not observed yet`
  const once = singletons === 0 ? 'nothing' : plural(singletons, 'behaviour')
  return `${name}: seen ${plural(seen, 'time')}, ${once} in only one of them, chance of new behaviour ≤${percentAtMost(bound)}`
}
