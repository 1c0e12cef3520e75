import { microsOf } from '../../core/event/time.ts'
import type { ContainerRun, Stint } from '../../core/coverage/coverage.ts'
import type { DeployedVersion } from './deployed-version.ts'
import type { LossLedger } from './loss-ledger.ts'
import type { PastStint, Run, Runs } from './runs.ts'

/**
 * Observed run times of a version's containers until `nowMs`: from start to end, without the gaps
 * in observation.
 */
export function watchedRuns(
  { runs, losses }: Pick<DeployedVersion, 'runs' | 'losses'>,
  nowMs: number,
  node: string,
): readonly ContainerRun[] {
  const at = { runs: runs.revision, losses: losses.revision, node }
  const known = kept.get(runs)
  if (known !== undefined && isSame(known, at)) return known.found
  const found: ContainerRun[] = []
  for (const run of runs.values()) {
    // It adds nothing to what is learned, so it says nothing about what is left to learn.
    if (run.outside === true) continue
    const one = endedRun(run, losses, node) ?? watchedRun(run, losses, nowMs, node)
    if (one.watched !== undefined) found.push(one.watched)
  }
  if (runs.counts.running === 0) kept.set(runs, { ...at, found })
  return found
}

/** What the runs that were watched follow from. */
interface Basis {
  readonly runs: number
  readonly losses: number
  readonly node: string
}

/** Of versions without a running container. Views and estimates read them again and again. */
const kept = new WeakMap<Runs, Basis & { readonly found: readonly ContainerRun[] }>()

function isSame(a: Basis, b: Basis): boolean {
  return a.runs === b.runs && a.losses === b.losses && a.node === b.node
}

interface Watched {
  readonly watched: ContainerRun | undefined
}

interface EndedRun extends Watched {
  readonly losses: number
  readonly node: string
}

/** The same for the runs that ended, of versions with others. */
const ended = new WeakMap<Run, EndedRun>()

/** Of a run that ended, which changes only with the losses. Undefined while it runs. */
function endedRun(run: Run, losses: LossLedger, node: string): Watched | undefined {
  if (run.to === undefined) return undefined
  const { revision } = losses
  const known = ended.get(run)
  if (known?.losses === revision && known.node === node) return known
  const { watched } = watchedRun(run, losses, Date.parse(run.to), node)
  const fresh = { losses: revision, node, watched }
  ended.set(run, fresh)
  return fresh
}

function watchedRun(run: Run, losses: LossLedger, nowMs: number, node: string): Watched {
  const gaps = losses.blindOf(run.container).map(({ from, to }): Gap => {
    return { from: microsOf(from), to: microsOf(to) }
  })
  const stints = allStints(run, nowMs).flatMap((stint) => without(stint, gaps))
  const latest = stints.at(-1)
  if (latest === undefined) return { watched: undefined }
  // Member by member: a copy by spreading has a hidden class for itself, which takes more than it does.
  const { from, to, before, ended: hasEnded } = latest
  const { container } = run
  if (stints.length === 1)
    return { watched: { from, to, before, ended: hasEnded, container, node } }
  const earlier = stints.slice(0, -1)
  return { watched: { from, to, before, ended: hasEnded, container, node, earlier } }
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
