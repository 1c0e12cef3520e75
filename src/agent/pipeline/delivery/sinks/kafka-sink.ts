import type { Producer } from 'kafkajs'
import { type OutboundRecord, orderOf, revisionOf } from '../../../../core/event/outbound-record.ts'
import type { Render } from '../format/format.ts'
import { addressText } from './address.ts'
import { closeSignal } from './close-signal.ts'
import { type Credentials, readSecret } from './secret.ts'
import { type Sink, SinkError } from './sink.ts'
import { readTls } from './syslog-sink.ts'
import type { Address, TlsFiles } from '../../../../support/net/server-access.ts'

export interface KafkaSinkOptions {
  readonly brokers: readonly Address[]
  readonly topic: string
  readonly acks: 'all' | 'leader'
  /** Absent: without TLS. */
  readonly tls?: TlsFiles
  readonly sasl?: Credentials & {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  }
  readonly timeoutMs: number
}

/**
 * Sends one Kafka message for each record, keyed by its container: messages of one container share
 * a partition and keep their order. Consumers can deduplicate by the headers `id` and `revision`;
 * the revision changes with the count. A message is delivered once the broker acknowledges it.
 * After a failure the sink replaces the producer, which looks up the partition leaders again.
 */
export function kafkaSink(name: string, render: Render, options: KafkaSinkOptions): Sink {
  let producer: Promise<Producer> | undefined
  const signal = closeSignal()
  const drop = async (): Promise<void> => {
    const old = producer
    producer = undefined
    await old?.then((one) => one.disconnect()).catch(() => undefined)
  }
  const send = async (records: readonly OutboundRecord[]): Promise<string> => {
    producer ??= connect(options)
    const messages = records.map((record) => ({
      key: orderOf(record),
      value: render(record),
      headers: { id: record.id, revision: revisionOf(record), type: record.type },
    }))
    const { default: library } = await import('kafkajs')
    const sent = await (await producer).send({
      topic: options.topic,
      acks: options.acks === 'all' ? -1 : 1,
      timeout: options.timeoutMs,
      compression: library.CompressionTypes.GZIP,
      messages,
    })
    return `${sent.length} partitions accepted it`
  }
  return {
    name,
    write: async (records) => {
      const late = AbortSignal.timeout(options.timeoutMs)
      const timedOut = new Promise<never>((_, reject) => {
        const text = `no answer within ${options.timeoutMs} ms`
        late.addEventListener('abort', () => reject(new Error(text)), { once: true })
      })
      try {
        return await Promise.race([send(records), timedOut, signal.closed])
      } catch (error) {
        void drop()
        throw new SinkError(`\`${targetText(options)}\` did not accept it`, {
          cause: error,
          final: isTooLarge(error),
        })
      }
    },
    reopen: drop,
    close: async () => {
      signal.close()
      await drop()
    },
  }
}

/** Dynamic import: an agent without this sink does not load the library. */
async function connect(options: KafkaSinkOptions): Promise<Producer> {
  // In the bundle a CommonJS package has only its default.
  const { Kafka, logLevel, Partitioners } = (await import('kafkajs')).default
  const { brokers, sasl, tls, timeoutMs } = options
  const kafka = new Kafka({
    clientId: 'snug',
    brokers: brokers.map(addressText),
    connectionTimeout: timeoutMs,
    authenticationTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    // The delivery queue logs failures and retries.
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    ...(tls === undefined ? {} : { ssl: await readTls(tls) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism as 'plain',
            username: sasl.user,
            password: await readSecret(sasl.password),
          },
        }),
  })
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 0 },
  })
  await producer.connect()
  return producer
}

function targetText({ brokers, topic }: KafkaSinkOptions): string {
  return `${brokers.map(addressText).join(',')}/${topic}`
}

/** A retry cannot succeed. */
function isTooLarge(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('type' in at && at.type === 'MESSAGE_TOO_LARGE') return true
  }
  return false
}
