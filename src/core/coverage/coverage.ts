import type { Micros } from '../event/time.ts'

/** From one start of a container to its end, or to now. */
export interface Stint {
  readonly from: Micros
  readonly to: Micros
  /** It already ran when it was first watched: its start was not seen. */
  readonly before?: boolean
  /** It ended, and the end was observed. */
  readonly ended?: boolean
}

/** One container's life, as far as it was watched: its latest stint, and those before it was restarted. */
export interface ContainerRun extends Stint {
  readonly container: string
  readonly node?: string
  /** Oldest first. */
  readonly earlier?: readonly Stint[]
}

/** When a container showed a behaviour. */
export interface CellSpan {
  readonly container: string
  readonly first: Micros
  readonly last: Micros
}

/** How well the evidence covers what the image does. */
export interface Coverage {
  readonly units: number
  readonly unitKind: 'containers' | 'slices'
  /** Behaviours seen in exactly one unit. */
  readonly singletons: number
  /** Expected chance that the next unit shows something new, and its 95 % upper bound; both 0..1. */
  readonly unseen: number
  readonly bound: number
  readonly sentence: string
}

/** The minimum number of units for a separate estimate of their kind. */
const ENOUGH = 20

const P95 = 1.6448536269514722

/**
 * Upper 95 % limit of a Poisson mean of which `count` were seen: the mean under which so few, or fewer,
 * come up in one case of twenty. 2.996 for none, 4.744 for one.
 */
export function poissonUpper95(count: number): number {
  if (count > 200) {
    // Wilson and Hilferty's cube, off by less than a thousandth here.
    const k = count + 1
    return k * (1 - 1 / (9 * k) + P95 / (3 * Math.sqrt(k))) ** 3
  }
  let low = count
  let high = count + 10 + 4 * Math.sqrt(count + 1)
  for (let i = 0; i < 60; i++) {
    const mean = (low + high) / 2
    let term = Math.exp(-mean)
    let atMost = term
    for (let k = 1; k <= count; k++) {
      term *= mean / k
      atMost += term
    }
    if (atMost > 0.05) low = mean
    else high = mean
  }
  return (low + high) / 2
}

interface Estimate {
  readonly units: number
  readonly singletons: number
  readonly unseen: number
  readonly bound: number
}

/** Expected and at most, in one more unit. */
export function estimate(units: number, singletons: number): Estimate {
  if (units === 0) return { units, singletons, unseen: 1, bound: 1 }
  const unseen = Math.min(1, singletons / units)
  const bound = unseen === 1 ? 1 : Math.min(1, poissonUpper95(singletons) / units)
  return { units, singletons, unseen, bound }
}

/** A slice fit for a window: short windows are cut finer, down to a second. */
export function sliceMicrosFor(floorMs: number): Micros {
  return Math.min(60_000, Math.max(1_000, floorMs / 20)) * 1000
}

/** Rounded up, because the text promises "at most". */
export function percentAtMost(bound: number): string {
  const value = bound * 100
  const digits = value < 10 ? 1 : 0
  return `${Number((Math.ceil(value * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits))} %`
}

export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}

function lengthOf(slice: Micros): string {
  const seconds = slice / 1_000_000
  if (seconds % 60 === 0) return `${seconds / 60} min`
  return `${Number(seconds.toFixed(1))} s`
}

export type RunPhase = 'start-up' | 'steady' | 'shutdown'

/** Behaviours that were seen in one unit only: one container, and of these, one start, slice or end of it. */
export interface Singletons {
  readonly containers: number
  readonly slices: number
  readonly starts: number
  readonly ends: number
}

export function stintsOf(run: ContainerRun): readonly Stint[] {
  return run.earlier === undefined ? [run] : [...run.earlier, run]
}

interface Place {
  readonly stint: number
  readonly slice: number
  readonly phase: RunPhase
}

function placeOf(run: ContainerRun | undefined, at: Micros, slice: Micros): Place {
  if (run === undefined) return { stint: 0, slice: Math.floor(at / slice), phase: 'steady' }
  const stints = stintsOf(run)
  let index = stints.length - 1
  while (index > 0 && (stints[index]?.from ?? 0) > at) index -= 1
  const stint = stints[index] ?? run
  const number = Math.floor((at - stint.from) / slice)
  const phase =
    number <= 0 && stint.before !== true
      ? 'start-up'
      : stint.ended === true && at > stint.to - slice
        ? 'shutdown'
        : 'steady'
  return { stint: index, slice: number, phase }
}

/** Behaviour that one container showed, and only once, predicts the next unit of its kind. */
export function countSingletons(
  behaviours: Iterable<Iterable<CellSpan>>,
  runs: ReadonlyMap<string, ContainerRun>,
  slice: Micros,
): Singletons {
  const counts = { containers: 0, slices: 0, starts: 0, ends: 0 }
  for (const cells of behaviours) {
    let only: string | undefined
    let several = false
    let first = Infinity
    let last = -Infinity
    for (const cell of cells) {
      several ||= only !== undefined && only !== cell.container
      only = cell.container
      first = Math.min(first, cell.first)
      last = Math.max(last, cell.last)
    }
    if (only === undefined || several) continue
    counts.containers += 1
    const run = runs.get(only)
    const from = placeOf(run, first, slice)
    const to = placeOf(run, last, slice)
    if (from.stint !== to.stint || from.phase !== to.phase) continue
    // Behaviour at the start of a run predicts the next start, and behaviour at its end the next end.
    if (from.phase === 'start-up') counts.starts += 1
    else if (from.phase === 'shutdown') counts.ends += 1
    else if (from.slice === to.slice) counts.slices += 1
  }
  return counts
}

/** Whole slices of the runs, without the first of a start, and the last of an end, that were seen. */
export function countSlices(runs: readonly ContainerRun[], slice: Micros): number {
  let units = 0
  for (const run of runs) {
    for (const { from, to, before, ended } of stintsOf(run)) {
      const steady = to - from - (ended === true ? slice : 0)
      units += Math.max(0, Math.floor(steady / slice) - (before === true ? 0 : 1))
    }
  }
  return units
}

function isStart({ before }: Stint): boolean {
  return before !== true
}

/** Stints whose start was watched. */
export function countStarts(runs: readonly ContainerRun[]): number {
  // A list of all stints would be garbage with each view of each version.
  let count = 0
  for (const run of runs) count += restartsOf(run) + (isStart(run.earlier?.[0] ?? run) ? 1 : 0)
  return count
}

/** Whether any of the starts was watched. */
export function sawStart(runs: readonly ContainerRun[]): boolean {
  return runs.some((run) => isStart(run.earlier?.[0] ?? run) || restartsOf(run) > 0)
}

function restartsOf(run: ContainerRun): number {
  if (run.earlier === undefined) return 0
  return stintsOf(run).slice(1).filter(isStart).length
}

/**
 * The chance that the next unit does something new (Good and Turing's estimate for incidence data), with
 * container runs and slices of long runs as units; the more pessimistic of those that are enough to speak.
 *
 * `behaviours` holds for each behaviour when which container showed it, without exec sessions.
 */
export function coverageOf(
  behaviours: Iterable<Iterable<CellSpan>>,
  runs: readonly ContainerRun[],
  slice: Micros,
): Coverage {
  const single = countSingletons(
    behaviours,
    new Map(runs.map((run) => [run.container, run])),
    slice,
  )
  const byRun = estimate(runs.length, single.containers)
  const bySlice = estimate(countSlices(runs, slice), single.slices)
  const enough = [byRun, bySlice].filter((one) => one.units >= ENOUGH)
  const chosen =
    enough.length === 0
      ? byRun.units >= bySlice.units
        ? byRun
        : bySlice
      : enough.reduce((a, b) => (b.bound > a.bound ? b : a))
  const unitKind = chosen === byRun ? 'containers' : 'slices'
  return { ...chosen, unitKind, sentence: sentenceOf(chosen, unitKind, runs, slice) }
}

function sentenceOf(
  { units, bound }: Estimate,
  unitKind: Coverage['unitKind'],
  runs: readonly ContainerRun[],
  slice: Micros,
): string {
  const nodes = new Set(runs.map((run) => run.node).filter((node) => node !== undefined)).size
  const where = nodes > 1 ? ` on ${nodes} nodes` : ''
  const restarts = runs.reduce((sum, run) => sum + restartsOf(run), 0)
  const again = restarts === 0 ? '' : ` with ${plural(restarts, 'restart')}`
  const head = `${plural(runs.length, 'container run')}${again}${where}`
  const isKnown = units > 0 && bound < 1
  const chance = `with a chance of at most ${percentAtMost(bound)}`
  if (unitKind === 'containers' || units === 0) {
    if (isKnown) return `${head}: the next one does something new ${chance}`
    return `${head} ${runs.length === 1 ? 'is' : 'are'} not enough to estimate coverage`
  }
  const starts = countStarts(runs)
  const caution =
    starts >= ENOUGH
      ? ''
      : starts === 0
        ? '; no container start was observed, so the next one will do something new'
        : `; ${plural(starts, 'start')} ${starts === 1 ? 'is' : 'are'} too few to estimate the next one`
  const estimate = isKnown
    ? `the next slice shows something new ${chance}`
    : 'not enough to estimate coverage'
  return `${head} in ${plural(units, 'slice')} of ${lengthOf(slice)}: ${estimate}${caution}`
}
