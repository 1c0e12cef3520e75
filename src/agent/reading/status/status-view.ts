import type { BlindImage } from '../../../core/event/agent-report-schema.ts'
import { imageKey } from '../../../core/event/image-key.ts'
import { unitOf } from '../../../core/event/unit-image.ts'
import { stopsOf } from '../../../support/telemetry/host-acts.ts'
import type { Daemon } from '../../engine/daemon.ts'
import { sensorKinds } from '../../pipeline/sources/line-formats.ts'
import { noLines } from '../../evidence/audit-log.ts'
import { crossChecks } from './cross-check.ts'
import type { VersionKey } from '../../records/versions/deployed-version.ts'
import type { CrossCheckView, StatusView } from '../../../api/status-views.ts'
import type { VersionState } from '../../../core/lifecycle/mode.ts'
import { lengthOf } from '../../enforcement/enforcement-gaps.ts'
import { healthOf } from './health.ts'
import { recentLosses } from '../views.ts'

const blindImagesShown = 100

/** `version`: of this build. */
export function statusView(daemon: Daemon, version: string): StatusView {
  const { registry, alerts, inflow, parts, startedAt } = daemon
  const { identifier, counters, stage } = inflow
  const health = healthOf(daemon)
  const { enforcement, kernel, journal } = daemon
  const { trail, storing } = journal
  const versions: Record<VersionState, number> = {
    learning: 0,
    review: 0,
    enforced: 0,
    incomplete: 0,
  }
  let before = 0
  let blind = 0
  const blindImages: BlindImage[] = []
  let units = 0
  for (const version of registry.index) {
    versions[version.shownState] += 1
    before += version.runs.counts.before
    blind += version.runs.counts.blind
    if (version.blind !== undefined && blindImages.length < blindImagesShown)
      blindImages.push({ image: version.image, ...version.blind })
    if (unitOf(version.image) !== undefined) units += version.running
  }
  const { unresolved, held, lost, unplaced } = identifier.stats
  return {
    version: version,
    node: parts.node,
    pid: process.pid,
    startedAt,
    ...health,
    containers: { watched: registry.watched, units, unresolved, before, blind },
    ...(blind === 0 ? {} : { blindImages }),
    versions,
    alerts: { open: alerts.openCount, total: alerts.size },
    losses: recentLosses(registry.losses.spans),
    counters: {
      ...counters,
      held,
      lostBeforeIdentity: lost,
      unplacedCountUpdates: registry.unplacedCountUpdates + unplaced,
      alertsPruned: alerts.pruned,
      alertsRaised: alerts.counts.raised,
      ...responseFacts(daemon),
      alertsInStorms: alerts.counts.inStorms,
      auditEntries: trail.length,
      storeWaiting: storing.waiting,
      storeBatches: storing.done,
      storeFailures: storing.failed,
      alertsUnstored: storing.givenUp,
      ...learningFacts(daemon),
      kernelDisagreements: stage.disagreements,
      widenedProfiles: kernel.widened,
      enforcementGaps: kernel.gaps.total,
      judgingFailures: stage.failures,
      unrecordedEvents: stage.unrecorded,
      untrustedAnswers: daemon.inflow.identifier.names.untrusted,
      versionsRemoved: daemon.retention.removed,
      profilesCompressed: [...registry.index].filter(({ profile }) => profile.isParked).length,
      keysDropped: registry.bounds.keys.dropped,
      runsDropped: registry.bounds.runs.dropped,
      reportedDropped: registry.bounds.reported.dropped,
    },
    crossChecks: crossChecksOf(daemon),
    kernelProfiles: kernel.standings,
    stops: stopsOf(health.sources.map(({ facts }) => facts)),
    ...selfProbeView(enforcement),
    ...gapView(daemon),
  }
}

function learningFacts(daemon: Daemon): Record<'unseenMax' | 'learningOldest', number> {
  const { learning } = daemon.registry.lifecycle
  const nowMs = daemon.now()
  const ages = learning.map(({ version }) => (nowMs - version.life.learningSince) / 1000)
  const bounds = learning.map(({ bound }) => bound)
  return { unseenMax: Math.max(0, ...bounds), learningOldest: Math.max(0, ...ages) }
}

/** `version`: of that one only. */
export function crossChecksOf(daemon: Daemon, version?: VersionKey): readonly CrossCheckView[] {
  const { inflow, parts } = daemon
  const pairs = inflow.dedup?.pairs(daemon.now() * 1_000) ?? []
  const wanted = version === undefined ? pairs : pairs.filter((pair) => pair.version === version)
  const own = parts.sources.filter(({ supports }) => supports.byRule === true)
  return crossChecks(wanted, new Set([...sensorKinds.keys(), ...own.map(({ name }) => name)]))
}

function gapView(daemon: Daemon): Pick<StatusView, 'enforcementGap'> {
  const gap = daemon.kernel.gaps.worst(daemon.now())
  if (gap === undefined) return {}
  const { image, container, fromMs } = gap
  return {
    enforcementGap: {
      image: imageKey(image),
      container,
      time: new Date(fromMs).toISOString(),
      milliseconds: lengthOf(gap),
    },
  }
}

function selfProbeView({
  lastProbe,
  probes,
}: Daemon['enforcement']): Pick<StatusView, 'selfProbe'> {
  if (lastProbe === undefined) return {}
  const { time, passed, stopped, missed } = lastProbe
  return { selfProbe: { time, ok: passed && missed.length === 0, stopped, missed, ...probes } }
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>) {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [`${prefix}-${name}`, count]),
  )
}

function responseFacts(daemon: Daemon): Record<string, number> {
  const { responses, holds, cases, hashes, persons, auditLog } = daemon
  const { held, would, refused, failed } = responses.counts
  return {
    holds: holds.all.length,
    responsesHeld: held,
    responsesDryRun: would,
    responsesRefused: refused,
    responsesFailed: failed,
    ...Object.fromEntries([...hashes.counts].map(([result, count]) => [`hashes-${result}`, count])),
    ...prefixed('sessions', persons.counts),
    ...prefixed('auditLog', auditLog?.counts ?? noLines),
    casesCaptured: cases.counts.captured,
    casesRefused: cases.counts.refused,
    casesFailed: cases.counts.failed,
  }
}
