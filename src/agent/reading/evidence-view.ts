import { isoOf, type Micros, microsOf } from '../../core/event/time.ts'
import type { Schedule } from '../pipeline/identity/schedules.ts'
import { type ContainerRun, stintsOf } from '../../core/coverage/coverage.ts'
import {
  coverageReportSteps,
  hourText,
  kindText,
  phaseText,
} from '../../core/coverage/coverage-report.ts'
import { lastRise, noveltyOf, sparkline } from '../../core/coverage/novelty.ts'
import { openProposalText, openPrograms } from '../../core/coverage/open-programs.ts'
import type { Guardrails } from '../../core/match/guardrail.ts'
import { openFoldersOf } from '../../core/match/open-folders.ts'
import { sorted, type Steps } from '../../core/steps.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { CrossCheckView } from '../../api/status-views.ts'
import type { EvidenceView, NoveltyView, ObservedView } from '../../api/version-views.ts'
import { behaviourKinds } from '../../core/event/event-words.ts'
import { kindOfPart, partialObservables, observableText } from '../../core/coverage/observable.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'

/** Intervals that are listed, the newest; all of them are counted. */
const intervalsListed = 200

interface EvidenceParts {
  /** Scheduled jobs that the version’s image declares. */
  readonly schedules: readonly Schedule[]
  /** Comparison of the events that two sources reported. */
  readonly checks: readonly CrossCheckView[]
  readonly guardrails: Pick<Guardrails, 'isOfPrograms'>
}

/** The quality of a version's evidence, in full. */
export function* evidenceView(
  version: DeployedVersion,
  registry: VersionRegistry,
  nowMs: number,
  { schedules, checks, guardrails }: EvidenceParts,
): Steps<EvidenceView> {
  const { profile } = version
  const runs = registry.lifecycle.runsOf(version, nowMs)
  const report = yield* coverageReportSteps(
    profile.outline(),
    runs,
    registry.lifecycle.slice,
    schedules,
  )
  const known = report.kinds.filter(({ behaviours }) => behaviours > 0)
  const observed = yield* observedBy(runs)
  const novelty = yield* noveltyView(version, nowMs)
  const openView = yield* openClassView(version, nowMs, guardrails)
  return {
    ...report,
    ...openView,
    sentences: [
      hourText(report.nextHour),
      ...known.map(kindText),
      ...report.phases.map(phaseText),
      ...unobservedText(version),
      ...checks.map(({ sentence }) => sentence),
    ],
    novelty,
    kindsObserved: behaviourKinds.filter((kind) => version.observed.has(kind)),
    intervals: observed.length,
    observedMs: observed.reduce((sum, { from, to }) => sum + Date.parse(to) - Date.parse(from), 0),
    observed: observed.slice(-intervalsListed),
  }
}

/** Of class `open` its folders. Else whether a person may want to decide that it is. */
function* openClassView(
  { profile, firstSeen, lastSeen, running }: DeployedVersion,
  nowMs: number,
  guardrails: EvidenceParts['guardrails'],
): Steps<Pick<EvidenceView, 'folders' | 'openProposal'>> {
  if (profile.isOpen) {
    const { programs, work } = openFoldersOf(profile.outline(), (id) => guardrails.isOfPrograms(id))
    return { folders: { programs: programs.within, work: work.within } }
  }
  const until = running > 0 ? nowMs * 1_000 : microsOf(lastSeen)
  const open = yield* openPrograms(profile.outline(), microsOf(firstSeen), until)
  return open === undefined ? {} : { openProposal: openProposalText(open) }
}

function unobservedText(version: DeployedVersion): readonly string[] {
  const { unobserved, observed, life, alertedKinds } = version
  const then = life.state === 'learning' ? 'so far' : 'during learning: they raise no deviations'
  const alone = partialObservables.filter(
    (one) =>
      // Not every kernel shows the others: they are of interest where they happened.
      !observed.has(one) &&
      observed.has(kindOfPart(one)) &&
      (one === 'setattr' || alertedKinds.has(one)),
  )
  return [
    ...(unobserved.length === 0
      ? []
      : [`${unobserved.join(', ')}: no source observed these kinds ${then}`]),
    ...alone.map((one) => `${one}: no source observed ${observableText(one)} ${then}`),
  ]
}

function* observedBy(runs: readonly ContainerRun[]): Steps<readonly ObservedView[]> {
  const all: ObservedView[] = []
  for (const run of runs) {
    yield
    for (const { from, to, before } of stintsOf(run)) {
      const { container } = run
      all.push({ container, from: isoOf(from), to: isoOf(to), startSeen: before !== true })
    }
  }
  return yield* sorted(all, (a, b) => (a.to < b.to ? -1 : 1))
}

function* noveltyView(version: DeployedVersion, nowMs: number): Steps<NoveltyView> {
  const firsts: Micros[] = []
  for (const entry of version.profile.outline()) {
    yield
    const first = firstOf(entry)
    if (first !== undefined) firsts.push(first)
  }
  const until = version.running > 0 ? nowMs * 1_000 : microsOf(version.lastSeen)
  const novelty = noveltyOf(firsts, microsOf(version.firstSeen), until)
  const last = lastRise(novelty)
  return {
    curve: sparkline(novelty),
    points: novelty.points.map(({ at, known }) => ({ time: isoOf(at), known })),
    ...(last === undefined ? {} : { lastNew: isoOf(last) }),
  }
}

/** When the service itself showed it first. */
function firstOf(entry: Readonly<LiveEntry>): Micros | undefined {
  let first: Micros | undefined
  for (const cell of entry.allCells()) {
    if (cell.origin === 'exec-in' || cell.phase === 'derived') continue
    if (first === undefined || cell.first < first) first = cell.first
  }
  return first
}
