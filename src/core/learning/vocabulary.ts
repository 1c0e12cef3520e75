import type { Micros } from '../event/time.ts'

/** How one name of a folder was used, over all containers. */
export interface NameUse {
  readonly name: string
  readonly first: Micros
  readonly last: Micros
  readonly acts: number
  readonly containers: ReadonlySet<string>
  /** One of a sample of more names than are distinguished. */
  readonly folded?: boolean
}

export type VocabularyState = 'open' | 'closed' | 'undecided'

export interface VocabularyFigures {
  readonly acts: number
  readonly names: number
  /** When the first of them was seen. */
  readonly first: Micros
  /** Names that were seen in one unit only: one container, one slice of time. */
  readonly once: number
  readonly containers: number
  readonly units: number
  /** Of the names in use in the last third of the units, the share that was new then, with its 95 % bounds. */
  readonly rate: number
  readonly lower: number
  readonly upper: number
}

export interface VocabularyOptions {
  /** Above this rate of new names a vocabulary is open, below it closed. */
  readonly threshold: number
  /** A slice of time. */
  readonly slice: Micros
}

export const defaultVocabulary: VocabularyOptions = { threshold: 0.05, slice: 1_000_000 }

/** Slices that a long stretch of time is cut into at most. */
const SLICES_MOST = 60
const Z95 = 1.6448536269514722

/**
 * The names of a folder as a sample of future names (Good and Turing): the recent rate of new names predicts the next.
 * Units are containers and slices of time, so that names that every start brings again are not new.
 */
export function figuresOf(
  uses: readonly NameUse[],
  { slice }: Pick<VocabularyOptions, 'slice'>,
): VocabularyFigures {
  const containers = new Set<string>()
  let acts = 0
  let from = Infinity
  let to = -Infinity
  for (const use of uses) {
    acts += use.acts
    for (const container of use.containers) containers.add(container)
    from = Math.min(from, use.first)
    to = Math.max(to, use.last)
  }
  const width = Math.max(slice, (to - from) / SLICES_MOST)
  const unitOf = (at: Micros): number => Math.floor((at - from) / width)
  const touched = new Set<number>()
  let once = 0
  for (const { first, last, containers: seenIn } of uses) {
    touched.add(unitOf(first)).add(unitOf(last))
    if (seenIn.size === 1 && unitOf(first) === unitOf(last)) once += 1
  }
  const units = [...touched].sort((a, b) => a - b)
  const start = units[Math.min(units.length - 1, Math.floor((units.length * 2) / 3))] ?? 0
  let used = 0
  let fresh = 0
  for (const { first, last } of uses) {
    if (unitOf(last) < start) continue
    used += 1
    if (unitOf(first) >= start) fresh += 1
  }
  const isOne = units.length < 2
  return {
    acts,
    names: uses.length,
    first: from,
    once,
    containers: containers.size,
    units: units.length,
    rate: used === 0 ? 0 : fresh / used,
    // A single unit allows no prediction of the next.
    lower: isOne ? 0 : lowerBound(fresh, used),
    upper: isOne ? 1 : upperBound(fresh, used),
  }
}

export function stateOf(
  { lower, upper }: VocabularyFigures,
  { threshold }: Pick<VocabularyOptions, 'threshold'>,
): VocabularyState {
  if (lower > threshold) return 'open'
  return upper < threshold ? 'closed' : 'undecided'
}

/** `97 names in 2 containers, the next is new with 93 %`. */
export function figuresText(
  { names, containers, rate, units }: VocabularyFigures,
  what: 'name' | 'port' = 'name',
): string {
  const seen = `${names} ${names === 1 ? what : `${what}s`} in ${containers} container${containers === 1 ? '' : 's'}`
  if (units < 2) return `${seen}, all within one slice of time`
  return `${seen}, the next is new with ${Math.round(rate * 100)} %`
}

/** Lower 95 % bound of a share of which `count` of `all` were seen (Clopper and Pearson). */
export function lowerBound(count: number, all: number): number {
  if (count <= 0 || all <= 0) return 0
  if (all > 400) return wilson(count / all, all, -1)
  let low = 0
  let high = count / all
  for (let i = 0; i < 40; i++) {
    const share = (low + high) / 2
    if (atLeast(count, all, share) > 0.05) high = share
    else low = share
  }
  return (low + high) / 2
}

export function upperBound(count: number, all: number): number {
  return all <= 0 ? 1 : 1 - lowerBound(all - count, all)
}

/** Probability of at least this many of `all`, each with that probability. */
function atLeast(count: number, all: number, share: number): number {
  if (share >= 1) return 1
  let term = (1 - share) ** all
  let below = 0
  for (let k = 0; k < count; k++) {
    below += term
    term *= ((all - k) / (k + 1)) * (share / (1 - share))
  }
  return 1 - below
}

function wilson(share: number, all: number, sign: 1 | -1): number {
  const z2 = Z95 * Z95
  const centre = share + z2 / (2 * all)
  const half = Z95 * Math.sqrt((share * (1 - share)) / all + z2 / (4 * all * all))
  return Math.min(1, Math.max(0, (centre + sign * half) / (1 + z2 / all)))
}
