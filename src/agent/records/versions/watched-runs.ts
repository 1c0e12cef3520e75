import { microsOf } from '../../../core/event/time.ts'
import type { ContainerRun, Stint } from '../../../core/coverage/coverage.ts'
import type { DeployedVersion } from './deployed-version.ts'
import type { LossLedger } from './loss-ledger.ts'
import { isUnseen, type PastStint, type Run, type Runs } from './runs.ts'

/** What was found last of a version, and what it follows from. */
interface Found {
  readonly runs: number
  readonly losses: number
  readonly node: string
  /** Each run, and at the same place what was watched of it. */
  readonly of: readonly Run[]
  readonly watched: readonly ContainerRun[]
}

/** Views and estimates read them again and again, and what ended changes only with the losses. */
const lastFound = new WeakMap<Runs, Found>()

/**
 * Observed run times of a version's containers until `nowMs`: from start to end, without the gaps
 * in observation.
 */
export function watchedRuns(
  { runs, losses }: Pick<DeployedVersion, 'runs' | 'losses'>,
  nowMs: number,
  node: string,
): readonly ContainerRun[] {
  const last = lastFound.get(runs)
  const isValid = last?.losses === losses.revision && last.node === node
  if (isValid && last.runs === runs.revision && runs.counts.running === 0) return last.watched
  const known = new EndedBefore(isValid ? last : undefined)
  const of: Run[] = []
  const watched: ContainerRun[] = []
  for (const run of runs.values()) {
    // It adds nothing to what is learned, so it says nothing about what is left to learn.
    if (run.outside === true || isUnseen(run)) continue
    of.push(run)
    watched.push(known.of(run) ?? watchedRun(run, losses, nowMs, node))
  }
  lastFound.set(runs, { runs: runs.revision, losses: losses.revision, node, of, watched })
  return watched
}

/** What was watched of the runs that had ended, to be asked in the order of the runs. */
class EndedBefore {
  readonly #found: Found | undefined
  #at = 0

  constructor(found: Found | undefined) {
    this.#found = found
  }

  /** Undefined where it was not known, or where the run is another one by now. */
  of(run: Run): ContainerRun | undefined {
    const of = this.#found?.of ?? []
    // Those that went in between; a new run is behind all that are known.
    while (this.#at < of.length && of[this.#at]?.container !== run.container) this.#at += 1
    const at = this.#at
    this.#at += 1
    return run.to !== undefined && of[at] === run ? this.#found?.watched[at] : undefined
  }
}

function watchedRun(run: Run, losses: LossLedger, nowMs: number, node: string): ContainerRun {
  const gaps = losses.blindOf(run.container).map(({ from, to }): Gap => {
    return { from: microsOf(from), to: microsOf(to) }
  })
  const stints = allStints(run, nowMs).flatMap((stint) => without(stint, gaps))
  // A stint has at least one part.
  const { from, to, before, ended: hasEnded } = stints.at(-1) as WatchedStint
  const { container } = run
  // Member by member: a copy by spreading has a hidden class for itself, which takes more than it does.
  if (stints.length === 1) return { from, to, before, ended: hasEnded, container, node }
  const earlier = stints.slice(0, -1)
  return { from, to, before, ended: hasEnded, container, node, earlier }
}

type WatchedStint = Required<Stint>

interface Gap {
  readonly from: number
  readonly to: number
}

function allStints(run: Run, nowMs: number): readonly WatchedStint[] {
  const past = (run.earlier ?? []).map(({ from, to, before }: PastStint): WatchedStint => {
    return { from: microsOf(from), to: microsOf(to), before, ended: true }
  })
  const { to, before, actsOnly, endUnseen } = run
  const from = microsOf(run.from)
  const end = to === undefined ? nowMs * 1_000 : microsOf(to)
  const hasEnded = to !== undefined && actsOnly !== true && endUnseen !== true
  return [...past, { from, to: Math.max(end, from), before, ended: hasEnded }]
}

/** The parts of a stint outside of all gaps. A part after a gap has no observed start. */
function without(stint: WatchedStint, gaps: readonly Gap[]): readonly WatchedStint[] {
  const parts: WatchedStint[] = []
  const { to, ended: hasEnded } = stint
  let { from, before } = stint
  for (const gap of gaps) {
    if (gap.to <= from || gap.from >= to) continue
    if (gap.from > from) parts.push({ from, to: gap.from, before, ended: false })
    from = Math.max(from, gap.to)
    before = true
  }
  if (from < to || parts.length === 0) {
    parts.push({ from: Math.min(from, to), to, before, ended: hasEnded })
  }
  return parts
}
