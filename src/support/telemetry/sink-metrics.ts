import { givenUpReasons, type SinkView } from '../../engine/api/sink-view.ts'
import type { Sample, StatusRow } from './status-row.ts'

const sinkStates = ['idle', 'delivering', 'failing'] as const

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
    help: 'their size as JSON, which `outbox.size` bounds',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ waitingBytes }) => waitingBytes),
  },
  snug_sink_lag_seconds: {
    type: 'gauge',
    help: 'how long the oldest that waits has waited',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ lagMs }) => lagMs / 1000),
  },
  snug_sink_delivered_total: {
    type: 'counter',
    help: 'alerts and audit entries that the sink took; one whose count rose is delivered again',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ delivered }) => delivered),
  },
  snug_sink_refusals_total: {
    type: 'counter',
    help: 'attempts to deliver that failed, and are made again',
    labels: ['sink'],
    read: ({ sinks }) => each(sinks, ({ refusals }) => refusals),
  },
  snug_sink_given_up_total: {
    type: 'counter',
    help: 'alerts that the sink will never get: the outbox was full, they waited too long, or were refused for good',
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
    help: 'when the sink last took something, in seconds since 1970; 0 where it did not yet',
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
