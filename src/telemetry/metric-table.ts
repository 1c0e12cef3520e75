import { type StatusView, versionStates } from '../flow/engine.ts'

interface CounterRow {
  readonly help: string
  /** Label → every value that it can have, besides `other`. */
  readonly labels: Readonly<Record<string, readonly string[]>>
}

/** What the daemon counts by itself; what the pipeline counts comes from the status, see below. */
export const metricTable = {
  snug_server_requests_total: {
    help: 'requests answered, by kind of listener and class of status',
    labels: { listener: ['unix', 'tcp'], status: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
  snug_server_refusals_total: {
    help: 'requests refused before they reached a route, by why',
    labels: { reason: ['unauthenticated', 'forbidden', 'body', 'route'] },
  },
  snug_server_live_missed_total: {
    help: 'live messages that a slow client missed, by topic',
    labels: { topic: ['events', 'alerts'] },
  },
} as const satisfies Record<string, CounterRow>

export type MetricName = keyof typeof metricTable

interface Sample {
  readonly labels: Record<string, string>
  readonly value: number
}

interface GaugeRow {
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (status: StatusView) => readonly Sample[]
}

const agentStates = ['starting', 'running', 'degraded', 'stopping'] as const

/** Read from the status at each scrape. */
export const gaugeTable: Readonly<Record<string, GaugeRow>> = {
  snug_agent_info: {
    help: 'always 1; version and node of the agent',
    labels: ['version', 'node'],
    read: ({ version, node }) => [{ labels: { version, node }, value: 1 }],
  },
  snug_agent_state: {
    help: '1 for the state that the agent is in',
    labels: ['state'],
    read: ({ state }) => oneHot('state', state, agentStates),
  },
  snug_agent_start_time_seconds: {
    help: 'when the agent started, in seconds since 1970',
    labels: [],
    read: ({ startedAt }) => [{ labels: {}, value: Date.parse(startedAt) / 1000 }],
  },
  snug_source_up: {
    help: '1 where the source runs, 0 where it is degraded or stopped',
    labels: ['source'],
    read: ({ sources }) =>
      sources.map(({ name, state }) => ({
        labels: { source: name },
        value: state === 'running' ? 1 : 0,
      })),
  },
  snug_source_received: {
    help: 'acts received since start',
    labels: ['source'],
    read: ({ sources }) =>
      sources.map(({ name, received }) => ({ labels: { source: name }, value: received })),
  },
  snug_source_lost: {
    help: 'acts known to be lost since start, by reason',
    labels: ['source', 'reason'],
    read: ({ sources }) =>
      sources.flatMap(({ name, lost }) =>
        Object.entries(lost).map(([reason, value]) => ({
          labels: { source: name, reason },
          value,
        })),
      ),
  },
  snug_engine_up: {
    help: '1 where the container engine answers',
    labels: ['engine'],
    read: ({ engines }) =>
      engines.map(({ name, state }) => ({
        labels: { engine: name },
        value: state === 'running' ? 1 : 0,
      })),
  },
  snug_containers: {
    help: 'containers watched, of them not yet resolved, and of them running before the agent',
    labels: ['set'],
    read: ({ containers }) => samples('set', containers),
  },
  snug_versions: {
    help: 'image versions by state',
    labels: ['state'],
    read: ({ versions }) => samples('state', { ...zeroStates(), ...versions }),
  },
  snug_alerts: {
    help: 'alerts kept, and of them open',
    labels: ['set'],
    read: ({ alerts }) => samples('set', alerts),
  },
  snug_pipeline_count: {
    help: 'what the pipeline counts since start, by stage and thing',
    labels: ['counter'],
    read: ({ counters }) => samples('counter', counters),
  },
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
