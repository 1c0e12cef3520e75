import type { JetStreamClient } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { type OutboundRecord, orderOf, revisionOf } from '../../../../core/event/outbound-record.ts'
import type { Render } from '../format/format.ts'
import { addressText } from './address.ts'
import { closeSignal } from './close-signal.ts'
import { connectNats } from './nats-connection.ts'
import { type Sink, SinkError } from './sink.ts'
import type { NatsAccess } from '../../../../support/config/nats-access.ts'

export interface NatsSinkOptions extends NatsAccess {
  readonly subject: string
}

interface Client {
  readonly connection: NatsConnection
  readonly stream: JetStreamClient
}

/**
 * Publishes one message for each record, to a subject of a JetStream stream. A message is delivered
 * once the stream acknowledges it. `Nats-Msg-Id` is the revision of the record, so the stream drops
 * duplicates. The headers `Snug-Id` and `Snug-Key` (the container) are for consumers.
 */
export function natsSink(name: string, render: Render, options: NatsSinkOptions): Sink {
  let client: Promise<Client> | undefined
  const signal = closeSignal()
  const drop = async (): Promise<void> => {
    const old = client
    client = undefined
    await old?.then(({ connection }) => connection.close()).catch(() => undefined)
  }
  const publish = async (records: readonly OutboundRecord[]): Promise<string> => {
    client ??= connect(options)
    const { connection, stream } = await client
    const { default: nats } = await import('@nats-io/transport-node')
    // All messages use one connection, so the stream keeps their order.
    const acks = records.map((record) => {
      const head = nats.headers()
      head.set('Snug-Id', record.id)
      head.set('Snug-Key', orderOf(record))
      return stream.publish(options.subject, render(record), {
        msgID: revisionOf(record),
        headers: head,
        timeout: options.timeoutMs,
        retries: 0,
      })
    })
    const ended = connection.closed().then((error) => {
      throw error ?? new Error('the connection was closed')
    })
    ended.catch(() => undefined)
    const taken = await Promise.race([Promise.all(acks), ended])
    const last = taken.at(-1)
    return last === undefined ? 'nothing was sent' : `stream \`${last.stream}\` has ${last.seq}`
  }
  return {
    name,
    write: async (records) => {
      try {
        return await Promise.race([publish(records), signal.closed])
      } catch (error) {
        void drop()
        throw new SinkError(`\`${targetText(options)}\` did not accept it`, { cause: error })
      }
    },
    reopen: drop,
    close: async () => {
      signal.close()
      await drop()
    },
  }
}

async function connect(options: NatsSinkOptions): Promise<Client> {
  const { default: streams } = await import('@nats-io/jetstream')
  // The delivery queue retries, and reports failures.
  const connection = await connectNats(options)
  return { connection, stream: streams.jetstream(connection, { timeout: options.timeoutMs }) }
}

function targetText({ servers, subject }: NatsSinkOptions): string {
  return `${servers.map(addressText).join(',')}/${subject}`
}
