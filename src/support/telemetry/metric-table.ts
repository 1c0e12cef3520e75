import type {
  CrossCheckView,
  ProgramCost,
  SelfProbeView,
  SourceView,
} from '../../api/status-views.ts'
import { versionStates } from '../../core/lifecycle/mode.ts'
import { unhashedReasons } from '../../core/event/event-words.ts'
import { certainties } from '../../core/person/certainty.ts'
import { formatVersions } from '../../core/event/format-versions.ts'
import { sinkRows } from './sink-metrics.ts'
import type { Sample, StatusRow } from './status-row.ts'

interface CounterRow {
  readonly help: string
  /** Label → every value that it can have, besides `other`. */
  readonly labels: Readonly<Record<string, readonly string[]>>
}

/** Counters of the daemon itself; those of the pipeline come from the status, see below. */
export const metricTable = {
  snug_server_requests_total: {
    help: 'answered requests, by kind of listener and class of status',
    labels: { listener: ['unix', 'front'], status: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
  snug_server_refusals_total: {
    help: 'requests refused before they reached a route, by reason',
    labels: {
      reason: ['unauthenticated', 'attempts', 'forbidden', 'body', 'slow', 'revision', 'route'],
    },
  },
  snug_server_live_missed_total: {
    help: 'live messages that a slow client missed, by stream',
    labels: { stream: ['events', 'news'] },
  },
  snug_config_reloads_total: {
    help: 'reloads of the config, on SIGHUP',
    labels: { result: ['done', 'refused'] },
  },
} as const satisfies Record<string, CounterRow>

export type MetricName = keyof typeof metricTable

const outcomes = ['expected', 'deviation', 'unprofiled', 'learned', 'loss'] as const
const probeStates = ['none', 'ok', 'failed'] as const
const agentStates = ['starting', 'running', 'degraded', 'stopping'] as const

/** Read from the status at each scrape. */
export const statusTable: Readonly<Record<string, StatusRow>> = {
  snug_agent_info: {
    type: 'gauge',
    help: 'always 1; version and node of the agent',
    labels: ['version', 'node'],
    read: ({ version, node }) => [{ labels: { version, node }, value: 1 }],
  },
  snug_build_info: {
    type: 'gauge',
    help: 'always 1; version of the agent, and versions of the formats that its outputs have',
    labels: ['version', ...Object.keys(formatVersions)],
    read: ({ version }) => [{ labels: { version, ...formatVersions }, value: 1 }],
  },
  snug_agent_state: {
    type: 'gauge',
    help: '1 for the state that the agent is in',
    labels: ['state'],
    read: ({ state }) => oneHot('state', state, agentStates),
  },
  snug_agent_start_time_seconds: {
    type: 'gauge',
    help: 'when the agent started, in seconds since 1970',
    labels: [],
    read: ({ startedAt }) => [{ labels: {}, value: Date.parse(startedAt) / 1000 }],
  },
  snug_source_up: {
    type: 'gauge',
    help: '1 where the source runs, 0 where it is degraded or stopped',
    labels: ['source'],
    read: ({ sources }) =>
      sources.map(({ name, state }) => ({
        labels: { source: name },
        value: state === 'running' ? 1 : 0,
      })),
  },
  snug_source_received_total: {
    type: 'counter',
    help: 'events received since start',
    labels: ['source'],
    read: ({ sources }) =>
      sources.map(({ name, received }) => ({ labels: { source: name }, value: received })),
  },
  snug_source_lost_total: {
    type: 'counter',
    help: 'events known to be lost since start, by reason',
    labels: ['source', 'reason'],
    read: ({ sources }) =>
      sources.flatMap(({ name, lost }) =>
        Object.entries(lost).map(([reason, value]) => ({
          labels: { source: name, reason },
          value,
        })),
      ),
  },
  snug_kernel_program_seconds_total: {
    type: 'counter',
    help: 'processor time of a program of the source in the kernel, while `snug doctor --cost` measured it',
    labels: ['source', 'program'],
    read: ({ sources }) => measuredSamples(sources, ({ nanoseconds }) => nanoseconds / 1e9),
  },
  snug_kernel_program_runs_total: {
    type: 'counter',
    help: 'runs of a program of the source in the kernel, while `snug doctor --cost` measured it',
    labels: ['source', 'program'],
    read: ({ sources }) => measuredSamples(sources, ({ runs }) => runs),
  },
  snug_source_pair_acts: {
    type: 'gauge',
    help: 'different events that two sources reported since start, by kind: by the first, by the second, by both',
    labels: ['kind', 'first', 'second', 'reporters'],
    read: ({ crossChecks }) =>
      crossChecks.flatMap((pair) => {
        const [first = 0, second = 0] = pair.reported
        return samples('reporters', { first, second, both: pair.both }).map(({ labels, value }) => {
          return { labels: { ...pairLabels(pair), ...labels }, value }
        })
      }),
  },
  snug_source_pair_unreported_acts: {
    type: 'gauge',
    help: 'events that two sources both missed, by kind: estimate by capture and recapture, and its 95 % upper bound. Absent if the sources share too few',
    labels: ['kind', 'first', 'second', 'figure'],
    read: ({ crossChecks }) =>
      crossChecks.flatMap((pair) => {
        const { unreported: estimate, unreportedBound: bound } = pair
        if (estimate === undefined || bound === undefined) return []
        return samples('figure', { estimate, bound }).map(({ labels, value }) => {
          return { labels: { ...pairLabels(pair), ...labels }, value }
        })
      }),
  },
  snug_engine_up: {
    type: 'gauge',
    help: '1 where the container engine answers',
    labels: ['engine'],
    read: ({ engines }) =>
      engines.map(({ name, state }) => ({
        labels: { engine: name },
        value: state === 'running' ? 1 : 0,
      })),
  },
  snug_containers: {
    type: 'gauge',
    help: 'observed containers, those of them that are runs of systemd units, have no resolved identity, started before the agent, or are blind',
    labels: ['set'],
    read: ({ containers }) => samples('set', containers),
  },
  snug_versions: {
    type: 'gauge',
    help: 'image versions by state',
    labels: ['state'],
    read: ({ versions }) => samples('state', { ...zeroStates(), ...versions }),
  },
  snug_versions_removed_total: {
    type: 'counter',
    help: 'image versions that the agent removed by `retention`, since start',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['versionsRemoved'] ?? 0 }],
  },
  snug_profiles_compressed: {
    type: 'gauge',
    help: 'image versions whose profile is compressed until it is needed',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['profilesCompressed'] ?? 0 }],
  },
  snug_versions_dropped_total: {
    type: 'counter',
    help: 'what was dropped because all versions together keep no more of it, since start',
    labels: ['what'],
    read: ({ counters }) => [
      { labels: { what: 'keys' }, value: counters['keysDropped'] ?? 0 },
      { labels: { what: 'runs' }, value: counters['runsDropped'] ?? 0 },
      { labels: { what: 'reported' }, value: counters['reportedDropped'] ?? 0 },
    ],
  },
  snug_kernel_profiles: {
    type: 'gauge',
    help: 'image versions by what the kernel has confirmed of their profiles, and of them those that it blocks',
    labels: ['state'],
    read: ({ kernelProfiles }) => samples('state', kernelProfiles),
  },
  snug_alerts: {
    type: 'gauge',
    help: 'stored alerts, and open alerts among them',
    labels: ['set'],
    read: ({ alerts }) => samples('set', alerts),
  },
  snug_judge_acts_total: {
    type: 'counter',
    help: 'judged events, by outcome',
    labels: ['outcome'],
    read: ({ counters }) =>
      outcomes.map((outcome) => ({ labels: { outcome }, value: counters[outcome] ?? 0 })),
  },
  snug_identify_held: {
    type: 'gauge',
    help: 'events that wait for the identity of their container',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['held'] ?? 0 }],
  },
  snug_identify_lost_total: {
    type: 'counter',
    help: 'events lost because too many waited for the identity of their container',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['lostBeforeIdentity'] ?? 0 }],
  },
  snug_judge_unplaced_sightings_total: {
    type: 'counter',
    help: 'counts from the kernel that match no known behaviour',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['unplacedCountUpdates'] ?? 0 }],
  },
  snug_respond_alerts_pruned_total: {
    type: 'counter',
    help: 'old alerts that the agent removed for new ones',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['alertsPruned'] ?? 0 }],
  },
  snug_respond_alerts_total: {
    type: 'counter',
    help: 'different alerts raised',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['alertsRaised'] ?? 0 }],
  },
  snug_respond_holds: {
    type: 'gauge',
    help: 'quarantines in force on this node',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['holds'] ?? 0 }],
  },
  snug_respond_rules_total: {
    type: 'counter',
    help: 'answers of response rules to an alert',
    labels: ['outcome'],
    read: ({ counters }) => [
      { labels: { outcome: 'held' }, value: counters['responsesHeld'] ?? 0 },
      { labels: { outcome: 'dry-run' }, value: counters['responsesDryRun'] ?? 0 },
      { labels: { outcome: 'refused' }, value: counters['responsesRefused'] ?? 0 },
      { labels: { outcome: 'failed' }, value: counters['responsesFailed'] ?? 0 },
    ],
  },
  snug_respond_cases_total: {
    type: 'counter',
    help: 'cases of evidence: captured, refused for the budget of an hour, failed for an alert',
    labels: ['outcome'],
    read: ({ counters }) => [
      { labels: { outcome: 'captured' }, value: counters['casesCaptured'] ?? 0 },
      { labels: { outcome: 'refused' }, value: counters['casesRefused'] ?? 0 },
      { labels: { outcome: 'failed' }, value: counters['casesFailed'] ?? 0 },
    ],
  },
  snug_respond_hashes_total: {
    type: 'counter',
    help: 'executions of files that the image did not ship, by hash: `sha256`, or why there is none',
    labels: ['result'],
    read: ({ counters }) =>
      ['sha256', ...unhashedReasons].map((result) => ({
        labels: { result },
        value: counters[`hashes-${result}`] ?? 0,
      })),
  },
  snug_respond_sessions: {
    type: 'gauge',
    help: 'sessions since start, by whether it is known who began them',
    labels: ['person'],
    read: ({ counters }) =>
      [...certainties, 'unknown'].map((person) => ({
        labels: { person },
        value: counters[`sessions-${person}`] ?? 0,
      })),
  },
  snug_audit_log_lines_total: {
    type: 'counter',
    help: 'lines of the audit log of the API server: requests that let somebody into a pod, others, and unreadable ones',
    labels: ['result'],
    read: ({ counters }) =>
      ['request', 'other', 'unreadable'].map((result) => ({
        labels: { result },
        value: counters[`auditLog-${result}`] ?? 0,
      })),
  },
  snug_respond_alerts_in_storms_total: {
    type: 'counter',
    help: 'alerts that sinks receive only as part of a summary',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['alertsInStorms'] ?? 0 }],
  },
  snug_audit_entries_total: {
    type: 'counter',
    help: 'entries of the audit log since it began',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['auditEntries'] ?? 0 }],
  },
  snug_store_waiting: {
    type: 'gauge',
    help: 'records that wait to be written',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['storeWaiting'] ?? 0 }],
  },
  snug_store_batches_total: {
    type: 'counter',
    help: 'batches written to the store, by result',
    labels: ['result'],
    read: ({ counters }) => [
      { labels: { result: 'done' }, value: counters['storeBatches'] ?? 0 },
      { labels: { result: 'failed' }, value: counters['storeFailures'] ?? 0 },
    ],
  },
  snug_store_given_up_total: {
    type: 'counter',
    help: 'alerts dropped because the store refused them for too long',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['alertsUnstored'] ?? 0 }],
  },
  snug_learning_unseen_bound_max: {
    type: 'gauge',
    help: 'greatest upper bound, among learning versions, on the chance that the next unit does something new; 0 if none learns',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['unseenMax'] ?? 0 }],
  },
  snug_learning_oldest_seconds: {
    type: 'gauge',
    help: 'age of the oldest learning window; 0 if no version learns',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['learningOldest'] ?? 0 }],
  },
  snug_kernel_disagreements_total: {
    type: 'counter',
    help: 'events that the kernel stopped, or would have, although the profile allows them: a fault of Snug',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['kernelDisagreements'] ?? 0 }],
  },
  snug_kernel_widened_profiles: {
    type: 'gauge',
    help: 'versions whose kernel profile is wider than their profile, because it did not fit',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['widenedProfiles'] ?? 0 }],
  },
  snug_judge_failures_total: {
    type: 'counter',
    help: 'events that were not judged for an error, since the start: a fault of Snug',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['judgingFailures'] ?? 0 }],
  },
  snug_judge_unrecorded_total: {
    type: 'counter',
    help: 'events that did not fit into the profile of a learning version, since start: a loss `profile-full`',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['unrecordedEvents'] ?? 0 }],
  },
  snug_loop_delay_seconds: {
    type: 'gauge',
    help: 'how late the event loop of the judging thread was since the last scrape, at most and in the 99th percentile',
    labels: ['quantile'],
    read: ({ loop }) =>
      loop === undefined ? [] : samples('quantile', { '0.99': loop.p99, '1': loop.max }),
  },
  snug_loop_long_turns_total: {
    type: 'counter',
    help: 'pieces of work that held the event loop of the judging thread for more than 100 ms; the log names each',
    labels: [],
    read: ({ loop }) => [{ labels: {}, value: loop?.longTurns ?? 0 }],
  },
  snug_judge_queue_age_seconds: {
    type: 'gauge',
    help: 'age of the oldest event of the batch that was judged last; 0 where a replay or nothing was judged',
    labels: [],
    read: ({ loop }) => [{ labels: {}, value: loop?.queueAge ?? 0 }],
  },
  snug_enforcement_gaps_total: {
    type: 'counter',
    help: 'containers that ran before the kernel could block them, since start',
    labels: [],
    read: ({ counters }) => [{ labels: {}, value: counters['enforcementGaps'] ?? 0 }],
  },
  snug_enforcement_gap_seconds: {
    type: 'gauge',
    help: 'the longest such time of this day (UTC)',
    labels: [],
    read: ({ enforcementGap }) => [
      { labels: {}, value: (enforcementGap?.milliseconds ?? 0) / 1000 },
    ],
  },
  snug_self_probe_state: {
    type: 'gauge',
    help: '1 for the result of the last self-test of blocking; `none` before the first',
    labels: ['state'],
    read: ({ selfProbe }) => oneHot('state', probeState(selfProbe), probeStates),
  },
  snug_self_probe_last_time_seconds: {
    type: 'gauge',
    help: 'time of the last self-test of blocking, in seconds since 1970; 0 before the first',
    labels: [],
    read: ({ selfProbe }) => [
      { labels: {}, value: selfProbe === undefined ? 0 : Date.parse(selfProbe.time) / 1000 },
    ],
  },
  snug_self_probe_runs_total: {
    type: 'counter',
    help: 'self-tests of blocking',
    labels: [],
    read: ({ selfProbe }) => [{ labels: {}, value: selfProbe?.runs ?? 0 }],
  },
  snug_self_probe_failures_total: {
    type: 'counter',
    help: 'failed self-tests of blocking',
    labels: [],
    read: ({ selfProbe }) => [{ labels: {}, value: selfProbe?.failures ?? 0 }],
  },
  ...sinkRows,
}

function measuredSamples(
  sources: readonly SourceView[],
  value: (program: ProgramCost) => number,
): readonly Sample[] {
  return sources.flatMap(({ name, measured = [] }) =>
    measured.map((each) => ({
      labels: { source: name, program: each.program },
      value: value(each),
    })),
  )
}

function pairLabels({ kind, sources: [first = '', second = ''] }: CrossCheckView) {
  return { kind, first, second }
}

function probeState(probe: SelfProbeView | undefined): string {
  if (probe === undefined) return 'none'
  return probe.ok ? 'ok' : 'failed'
}

function zeroStates(): Record<string, number> {
  return Object.fromEntries(versionStates.map((state) => [state, 0]))
}

function samples(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

function oneHot(label: string, current: string, all: readonly string[]): Sample[] {
  return all.map((name) => ({ labels: { [label]: name }, value: name === current ? 1 : 0 }))
}
