import { createSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, isIPv6, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Render, renderWithin } from '../format/format.ts'
import { type Sink, SinkError } from './sink.ts'
import { longestHeader, octetCounted, syslogRecord } from './syslog-record.ts'
import type { TlsFiles } from '../../../../support/net/server-access.ts'

export interface SyslogSinkOptions {
  readonly host: string
  readonly port: number
  readonly transport: 'tcp' | 'tls' | 'udp'
  readonly facility: number
  /** Maximum size of a message with its header. */
  readonly maxBytes: number
  readonly timeoutMs: number
  readonly tls: TlsFiles
}

/**
 * RFC 5424 over TCP with octet counting, TLS, or UDP. Syslog has no acknowledgement, and a receiver
 * may never read data that the kernel accepted. So each batch has a separate connection, which the
 * sink half-closes at the end. The receiver closes its side after it has read everything, and only
 * that counts as delivered. A receiver that closes with unread data resets the connection. The sink
 * delays the end of its data for a moment, to detect a receiver that closes before any data
 * arrived. Over TLS that is no proof: data that TLS took off the socket is unread, and the connection ends as if it had
 * been read. Data written to a receiver that then crashed is sent again. UDP gives no confirmation.
 */
export function syslogSink(name: string, render: Render, options: SyslogSinkOptions): Sink {
  const { facility, maxBytes, transport } = options
  const within = renderWithin(render, maxBytes - longestHeader)
  const closing = new AbortController()
  return {
    name,
    most: largestBatch,
    write: async (outbound) => {
      const header = { facility, pid: process.pid }
      const records = outbound.map((each) => syslogRecord(each, within(each), header))
      try {
        if (transport === 'udp') return await sendDatagrams(records, options)
        const socket = await openStream(options)
        return await sendStream(
          socket,
          octetCounted(records),
          { ...options, transport },
          closing.signal,
        )
      } catch (error) {
        throw new SinkError(`\`${options.host}:${options.port}\` did not accept it`, {
          cause: error,
        })
      }
    },
    close: async () => closing.abort(),
  }
}

async function openStream({ host, port, transport, tls }: SyslogSinkOptions): Promise<Socket> {
  if (transport !== 'tls') return connectTcp({ host, port })
  return connectTls({ host, port, ...(await readTls(tls)) })
}

/** Reads the files each time, so that a renewed certificate applies without a restart. */
export async function readTls(files: TlsFiles): Promise<Record<string, Buffer>> {
  const read: Record<string, Buffer> = {}
  for (const part of ['ca', 'cert', 'key'] as const) {
    const path = files[part]
    if (path !== undefined) read[part] = await readFile(path)
  }
  return read
}

/** If the connection breaks, records that the receiver already read are sent again. */
const largestBatch = 100

/**
 * Minimum delay; the sink waits twice the connect time if that is longer. With TLS the receiver may
 * close before it sees the data.
 */
const leastHoldMs = { tcp: 1, tls: 5 } as const

function sendStream(
  socket: Socket,
  bytes: Buffer,
  { transport, timeoutMs }: { readonly transport: 'tcp' | 'tls'; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const begunMs = performance.now()
    let taken = false
    let reported = false
    let hold: NodeJS.Timeout | undefined
    let why = 'the receiver closed the connection before it read everything'
    // Discards unsent data, because the batch is sent again.
    const breakOff = (because: string): void => {
      why = because
      if (transport === 'tcp' && !socket.connecting) socket.resetAndDestroy()
      else socket.destroy(new Error(because))
    }
    const abort = (): void => breakOff('the agent stops')
    const finish = (): void => {
      signal.removeEventListener('abort', abort)
      clearTimeout(timer)
      clearTimeout(hold)
    }
    const endReport = (): void => {
      if (socket.destroyed || socket.readableEnded) return
      reported = true
      socket.end()
    }
    const timer = setTimeout(() => {
      breakOff(`not read to its end within ${timeoutMs} ms`)
    }, timeoutMs)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', (error) => {
      finish()
      reject(error)
    })
    socket.once('end', () => {
      taken = reported && socket.writableFinished && !socket.destroyed
    })
    socket.once('close', () => {
      finish()
      if (taken) resolve(`${bytes.length} bytes were read to the end`)
      else reject(new Error(why))
    })
    socket.once('data', () => {
      breakOff('the receiver sent an answer, which syslog does not have')
    })
    socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => {
      const holdMs = Math.max(leastHoldMs[transport], 2 * (performance.now() - begunMs))
      socket.write(bytes, () => {
        // `setImmediate` lets pending socket events run first: a timer precedes them.
        hold = setTimeout(() => setImmediate(endReport), holdMs)
      })
    })
  })
}

function sendDatagrams(
  records: readonly Buffer[],
  { host, port }: SyslogSinkOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const fail = (error: Error): void => {
      socket.close()
      reject(error)
    }
    socket.once('error', fail)
    socket.connect(port, host, () => {
      void sendAll(socket, records).then(() => {
        socket.off('error', fail)
        // A late refusal of the data may still arrive, and nothing waits for it.
        socket.on('error', () => undefined)
        socket.close()
        resolve('sent; UDP gives no confirmation')
      }, fail)
    })
  })
}

async function sendAll(
  socket: ReturnType<typeof createSocket>,
  records: readonly Buffer[],
): Promise<void> {
  for (const record of records) {
    await new Promise<void>((resolve, reject) => {
      socket.send(record, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}
