import type { SinkView } from '../../api/sink-view.ts'
import { givenUpReasons, sinkStates } from '../../api/terms.ts'
import type { Sample, StatusRow } from './status-row.ts'

/** Of each sink by its name, which the operator chose. */
export const sinkRows: Readonly<Record<string, StatusRow>> = {
  snug_sink_state: {
    type: 'gauge',
    help: '1 for the state that the sink is in',
    labels: ['sink', 'state'],
    read: ({ sinks }) =>
      sinks.flatMap(({ name, state }) =>
        sinkStates.map((one) => ({
          labels: { sink: name, state: one },
          value: one === state ? 1 : 0,
        })),
      ),
  },
  snug_sink_waiting: {
    type: 'gauge',
    help: 'alerts and audit entries that wait for the sink',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ waiting }) => waiting),
  },
  snug_sink_waiting_bytes: {
    type: 'gauge',
    help: 'size of the waiting records as JSON, limited by `outbox.size`',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ waitingBytes }) => waitingBytes),
  },
  snug_sink_lag_seconds: {
    type: 'gauge',
    help: 'age of the oldest waiting record',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ lagMs }) => lagMs / 1000),
  },
  snug_sink_delivered_total: {
    type: 'counter',
    help: 'alerts and audit entries that the sink accepted; an alert is delivered again when its count rises',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ delivered }) => delivered),
  },
  snug_sink_refusals_total: {
    type: 'counter',
    help: 'failed attempts to deliver, which the agent repeats',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ refusals }) => refusals),
  },
  snug_sink_given_up_total: {
    type: 'counter',
    help: 'alerts dropped for the sink: the outbox was full, they waited too long, or the sink refused them permanently',
    labels: ['sink', 'reason'],
    read: ({ sinks }) =>
      sinks.flatMap(({ name, givenUpFor }) =>
        givenUpReasons.map((reason) => ({
          labels: { sink: name, reason },
          value: givenUpFor[reason],
        })),
      ),
  },
  snug_sink_last_delivery_time_seconds: {
    type: 'gauge',
    help: 'time of the last accepted record, in seconds since 1970; 0 before the first',
    labels: ['sink'],
    read: ({ sinks }) =>
      each(sinks, ({ lastDelivery }) =>
        lastDelivery === undefined ? 0 : Date.parse(lastDelivery) / 1000,
      ),
  },
}

function each(sinks: readonly SinkView[], value: (sink: SinkView) => number): Sample[] {
  return sinks.map((sink) => ({ labels: { sink: sink.name }, value: value(sink) }))
}
