import type { Micros } from '../event/time.ts'

/** One container's life, as far as it was watched. */
export interface ContainerRun {
  readonly container: string
  readonly from: Micros
  /** Its end, or now. */
  readonly to: Micros
  readonly node?: string
  /** It already ran when it was first watched: its start was not seen. */
  readonly before?: boolean
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

/** From so many units on, a kind of unit has a say of its own. */
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

function estimate(units: number, singletons: number): Estimate {
  if (units === 0) return { units, singletons, unseen: 1, bound: 1 }
  const unseen = Math.min(1, singletons / units)
  const bound = unseen === 1 ? 1 : Math.min(1, poissonUpper95(singletons) / units)
  return { units, singletons, unseen, bound }
}

/** A slice fit for a window: short windows are cut finer, down to a second. */
export function sliceMicrosFor(floorMs: number): Micros {
  return Math.min(60_000, Math.max(1_000, floorMs / 20)) * 1000
}

/** Rounded up, because it is told as "at most". */
function percent(bound: number): string {
  const value = bound * 100
  const digits = value < 10 ? 1 : 0
  return `${Number((Math.ceil(value * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits))} %`
}

function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}

function lengthOf(slice: Micros): string {
  const seconds = slice / 1_000_000
  if (seconds % 60 === 0) return `${seconds / 60} min`
  return `${Number(seconds.toFixed(1))} s`
}

interface Singletons {
  readonly containers: number
  readonly slices: number
}

/** Behaviours that only one container showed, and of these the ones that showed up in one slice of it only. */
function countSingletons(
  behaviours: Iterable<Iterable<CellSpan>>,
  runs: ReadonlyMap<string, ContainerRun>,
  slice: Micros,
): Singletons {
  let containers = 0
  let slices = 0
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
    containers += 1
    const run = runs.get(only)
    const start = run?.from ?? 0
    const index = Math.floor((first - start) / slice)
    // What a run does at its start is a question to the next run, not to its next slice.
    const atStart = index <= 0 && run !== undefined && run.before !== true
    if (!atStart && index === Math.floor((last - start) / slice)) slices += 1
  }
  return { containers, slices }
}

/** Whole slices of the runs, without the first of each whose start was seen. */
function countSlices(runs: readonly ContainerRun[], slice: Micros): number {
  let units = 0
  for (const run of runs) {
    const whole = Math.floor((run.to - run.from) / slice)
    units += Math.max(0, run.before === true ? whole : whole - 1)
  }
  return units
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
  const head = `${plural(runs.length, 'container run')}${where}`
  const chance = bound >= 1 ? 'as good as surely' : `with a chance of at most ${percent(bound)}`
  if (units === 0) return `${head}: nothing can be said yet`
  if (unitKind === 'containers') return `${head}: the next one does something new ${chance}`
  const starts = runs.filter((run) => run.before !== true).length
  const caution =
    starts >= ENOUGH
      ? ''
      : starts === 0
        ? '; no start was seen, so the next one will show new things'
        : `; ${plural(starts, 'start')} ${starts === 1 ? 'says' : 'say'} little about the next one`
  return (
    `${head}, looked at in ${plural(units, 'slice')} of ${lengthOf(slice)}: ` +
    `the next slice shows something new ${chance}${caution}`
  )
}
