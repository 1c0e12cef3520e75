import { expect, it } from 'vitest'
import type { SinkView } from '../../../src/api/sink-view.ts'
import type { StatusView } from '../../../src/api/status-views.ts'
import { formatVersions } from '../../../src/core/event/format-versions.ts'
import { createMetrics } from '../../../src/support/telemetry/metrics.ts'

const at = '2026-11-24T01:02:03.000Z'

/** Each figure is another one, so that one that is read from the wrong place shows. */
const status: StatusView = {
  version: '1.2.3',
  node: 'n1',
  pid: 1,
  startedAt: at,
  state: 'degraded',
  degraded: ['a reason'],
  sources: [
    {
      name: 'ebpf',
      state: 'running',
      received: 11,
      lost: { ring: 12 },
      facts: {},
      measured: [{ program: 'on_exec', runs: 14, nanoseconds: 15_000_000_000 }],
    },
    { name: 'falco', state: 'degraded', received: 13, lost: {}, facts: {} },
  ],
  engines: [
    { name: 'docker', state: 'running' },
    { name: 'podman', state: 'degraded' },
  ],
  containers: { watched: 21, units: 24, unresolved: 22, before: 23, blind: 25 },
  versions: { learning: 31, review: 32, enforced: 33, incomplete: 34 },
  alerts: { open: 41, total: 42 },
  losses: [],
  counters: {
    versionsRemoved: 51,
    profilesCompressed: 52,
    keysDropped: 53,
    runsDropped: 54,
    reportedDropped: 55,
    expected: 61,
    deviation: 62,
    unprofiled: 63,
    learned: 64,
    loss: 65,
    held: 71,
    lostBeforeIdentity: 72,
    unplacedCountUpdates: 73,
    alertsPruned: 81,
    alertsRaised: 82,
    holds: 95,
    responsesHeld: 96,
    responsesDryRun: 97,
    responsesRefused: 98,
    responsesFailed: 99,
    casesCaptured: 100,
    casesRefused: 101,
    casesFailed: 102,
    'hashes-sha256': 170,
    'hashes-ended': 171,
    'hashes-changed': 172,
    'hashes-uncertain': 173,
    'hashes-size': 174,
    'hashes-budget': 175,
    'hashes-queue': 176,
    'hashes-file-system': 177,
    'hashes-unreadable': 178,
    'hashes-agent-ended': 179,
    'hashes-unidentified': 180,
    'sessions-certain': 183,
    'sessions-likely': 184,
    'sessions-unknown': 185,
    'auditLog-request': 186,
    'auditLog-other': 187,
    'auditLog-unreadable': 188,
    alertsInStorms: 83,
    auditEntries: 84,
    storeWaiting: 91,
    storeBatches: 92,
    storeFailures: 93,
    alertsUnstored: 94,
    unseenMax: 0.25,
    learningOldest: 102,
    kernelDisagreements: 103,
    widenedProfiles: 104,
    judgingFailures: 105,
    unrecordedEvents: 106,
    enforcementGaps: 107,
  },
  crossChecks: [
    {
      kind: 'exec',
      sources: ['ebpf', 'falco'],
      reported: [111, 112],
      both: 113,
      unreported: 114,
      unreportedBound: 115,
      sentence: '',
    },
  ],
  kernelProfiles: { sent: 121, installed: 122, evicted: 123, failed: 124, blocking: 125 },
  stops: [],
  selfProbe: { time: at, ok: false, stopped: [], missed: ['exec'], runs: 131, failures: 132 },
  enforcementGap: { image: 'shop/web', container: 'c1', time: at, milliseconds: 1_500 },
}

const sink: SinkView = {
  name: 'siem',
  type: 'syslog',
  format: 'cef',
  target: '127.0.0.1:514',
  state: 'failing',
  waiting: 141,
  waitingBytes: 142,
  lagMs: 143_000,
  delivered: 144,
  refusals: 145,
  givenUp: 447,
  givenUpFor: { full: 148, late: 149, refused: 150 },
  lastDelivery: at,
}

const formats = Object.entries(formatVersions).map(([name, version]) => `,${name}="${version}"`)

/** Each line by the help of its metric. */
const expected = `snug_agent_info{version="1.2.3",node="n1"} 1
snug_agent_start_time_seconds 1795482123
snug_agent_state{state="degraded"} 1
snug_agent_state{state="running"} 0
snug_agent_state{state="starting"} 0
snug_agent_state{state="stopping"} 0
snug_alerts{set="open"} 41
snug_alerts{set="total"} 42
snug_audit_entries_total 84
snug_config_reloads_total{result="refused"} 164
snug_containers{set="before"} 23
snug_containers{set="units"} 24
snug_containers{set="blind"} 25
snug_containers{set="unresolved"} 22
snug_containers{set="watched"} 21
snug_enforcement_gap_seconds 1.5
snug_enforcement_gaps_total 107
snug_engine_up{engine="docker"} 1
snug_engine_up{engine="podman"} 0
snug_identify_held 71
snug_identify_lost_total 72
snug_judge_acts_total{outcome="deviation"} 62
snug_judge_acts_total{outcome="expected"} 61
snug_judge_acts_total{outcome="learned"} 64
snug_judge_acts_total{outcome="loss"} 65
snug_judge_acts_total{outcome="unprofiled"} 63
snug_judge_failures_total 105
snug_judge_queue_age_seconds 152
snug_judge_unplaced_sightings_total 73
snug_judge_unrecorded_total 106
snug_kernel_disagreements_total 103
snug_kernel_profiles{state="blocking"} 125
snug_kernel_profiles{state="evicted"} 123
snug_kernel_profiles{state="failed"} 124
snug_kernel_profiles{state="installed"} 122
snug_kernel_profiles{state="sent"} 121
snug_kernel_program_runs_total{source="ebpf",program="on_exec"} 14
snug_kernel_program_seconds_total{source="ebpf",program="on_exec"} 15
snug_kernel_widened_profiles 104
snug_learning_oldest_seconds 102
snug_learning_unseen_bound_max 0.25
snug_loop_delay_seconds{quantile="0.99"} 0.2
snug_loop_delay_seconds{quantile="1"} 0.3
snug_loop_long_turns_total 151
snug_profiles_compressed 52
snug_respond_alerts_in_storms_total 83
snug_respond_alerts_pruned_total 81
snug_respond_alerts_total 82
snug_respond_holds 95
snug_respond_cases_total{outcome="captured"} 100
snug_respond_cases_total{outcome="failed"} 102
snug_respond_cases_total{outcome="refused"} 101
snug_respond_hashes_total{result="agent-ended"} 179
snug_respond_hashes_total{result="budget"} 175
snug_respond_hashes_total{result="changed"} 172
snug_respond_hashes_total{result="ended"} 171
snug_respond_hashes_total{result="file-system"} 177
snug_respond_hashes_total{result="queue"} 176
snug_respond_hashes_total{result="sha256"} 170
snug_respond_hashes_total{result="size"} 174
snug_respond_hashes_total{result="uncertain"} 173
snug_respond_hashes_total{result="unidentified"} 180
snug_respond_hashes_total{result="unreadable"} 178
snug_respond_rules_total{outcome="dry-run"} 97
snug_respond_rules_total{outcome="failed"} 99
snug_respond_rules_total{outcome="held"} 96
snug_respond_rules_total{outcome="refused"} 98
snug_respond_sessions{person="certain"} 183
snug_respond_sessions{person="likely"} 184
snug_respond_sessions{person="unknown"} 185
snug_self_probe_failures_total 132
snug_self_probe_last_time_seconds 1795482123
snug_self_probe_runs_total 131
snug_self_probe_state{state="failed"} 1
snug_self_probe_state{state="none"} 0
snug_self_probe_state{state="ok"} 0
snug_server_live_missed_total{stream="news"} 163
snug_server_refusals_total{reason="forbidden"} 162
snug_server_requests_total{listener="unix",status="4xx"} 161
snug_sink_delivered_total{sink="siem"} 144
snug_sink_given_up_total{sink="siem",reason="full"} 148
snug_sink_given_up_total{sink="siem",reason="late"} 149
snug_sink_given_up_total{sink="siem",reason="refused"} 150
snug_sink_lag_seconds{sink="siem"} 143
snug_sink_last_delivery_time_seconds{sink="siem"} 1795482123
snug_sink_refusals_total{sink="siem"} 145
snug_sink_state{sink="siem",state="delivering"} 0
snug_sink_state{sink="siem",state="failing"} 1
snug_sink_state{sink="siem",state="idle"} 0
snug_sink_waiting_bytes{sink="siem"} 142
snug_sink_waiting{sink="siem"} 141
snug_source_lost_total{source="ebpf",reason="ring"} 12
snug_source_pair_acts{kind="exec",first="ebpf",second="falco",reporters="both"} 113
snug_source_pair_acts{kind="exec",first="ebpf",second="falco",reporters="first"} 111
snug_source_pair_acts{kind="exec",first="ebpf",second="falco",reporters="second"} 112
snug_source_pair_unreported_acts{kind="exec",first="ebpf",second="falco",figure="bound"} 115
snug_source_pair_unreported_acts{kind="exec",first="ebpf",second="falco",figure="estimate"} 114
snug_source_received_total{source="ebpf"} 11
snug_source_received_total{source="falco"} 13
snug_source_up{source="ebpf"} 1
snug_source_up{source="falco"} 0
snug_store_batches_total{result="done"} 92
snug_store_batches_total{result="failed"} 93
snug_store_given_up_total 94
snug_store_waiting 91
snug_versions_dropped_total{what="keys"} 53
snug_versions_dropped_total{what="reported"} 55
snug_versions_dropped_total{what="runs"} 54
snug_versions_removed_total 51
snug_versions{state="enforced"} 33
snug_versions{state="incomplete"} 34
snug_versions{state="learning"} 31
snug_versions{state="review"} 32
snug_audit_log_lines_total{result="other"} 187
snug_audit_log_lines_total{result="request"} 186
snug_audit_log_lines_total{result="unreadable"} 188
snug_build_info{version="1.2.3"${formats.join('')}} 1`

it('each metric has the figure that its help describes', async () => {
  const metrics = createMetrics()
  metrics.observe(
    () => status,
    () => [sink],
    () => ({ p99: 0.2, max: 0.3, longTurns: 151, queueAge: 152 }),
  )
  metrics.count('snug_server_requests_total', { listener: 'unix', status: '4xx' }, 161)
  metrics.count('snug_server_refusals_total', { reason: 'forbidden' }, 162)
  metrics.count('snug_server_live_missed_total', { stream: 'news' }, 163)
  metrics.count('snug_config_reloads_total', { result: 'refused' }, 164)
  const lines = (await metrics.expose()).split('\n').filter((line) => line.startsWith('snug_'))
  expect(lines.sort()).toEqual(expected.split('\n').sort())
})
