import { type Micros, microsOf } from '../../core/event/time.ts'
import type { ContainerRun, Stint } from '../../core/coverage/coverage.ts'
import type { DeployedVersion, PastStint, Run } from './deployed-version.ts'

/**
 * Observed run times of a version's containers until `nowMs`: from start to end, without the gaps
 * in observation.
 */
export function watchedRuns(
  { runs, losses }: DeployedVersion,
  nowMs: number,
  node: string,
): readonly ContainerRun[] {
  return [...runs.values()].flatMap((run): readonly ContainerRun[] => {
    // It adds nothing to what is learned, so it says nothing about what is left to learn.
    if (run.outside === true) return []
    const gaps = losses.blindOf(run.container).map(({ from, to }): Gap => {
      return { from: microsOf(from), to: microsOf(to) }
    })
    const stints = allStints(run, nowMs).flatMap((stint) => without(stint, gaps))
    const last = stints.at(-1)
    if (last === undefined) return []
    const earlier = stints.slice(0, -1)
    const one = { ...last, container: run.container, node }
    return [earlier.length === 0 ? one : { ...one, earlier }]
  })
}

interface Gap {
  readonly from: number
  readonly to: number
}

function allStints(run: Run, nowMs: number): readonly Stint[] {
  const past = (run.earlier ?? []).map(({ from, to, before }: PastStint): Stint => {
    return { from: microsOf(from), to: microsOf(to), before, ended: true }
  })
  const { to, before, actsOnly, endUnseen } = run
  const { from, end = nowMs * 1_000 } = timesOf(run)
  const ended = to !== undefined && actsOnly !== true && endUnseen !== true
  return [...past, { from, to: Math.max(end, from), before, ended }]
}

interface Times {
  readonly to: string | undefined
  readonly from: Micros
  readonly end?: Micros
}

/** Views and estimates read the runs again and again, and most of them have ended. */
const times = new WeakMap<Run, Times>()

function timesOf(run: Run): Times {
  const known = times.get(run)
  if (known !== undefined && known.to === run.to) return known
  const { from, to } = run
  const read = { to, from: microsOf(from), ...(to === undefined ? {} : { end: microsOf(to) }) }
  times.set(run, read)
  return read
}

/** The parts of a stint outside of all gaps. A part after a gap has no observed start. */
function without(stint: Stint, gaps: readonly Gap[]): readonly Stint[] {
  const parts: Stint[] = []
  let { from } = stint
  let { before } = stint
  for (const gap of gaps) {
    if (gap.to <= from || gap.from >= stint.to) continue
    if (gap.from > from) parts.push({ from, to: gap.from, before: before === true, ended: false })
    from = Math.max(from, gap.to)
    before = true
  }
  if (from < stint.to || parts.length === 0) {
    parts.push({ ...stint, from: Math.min(from, stint.to), before: before === true })
  }
  return parts
}
