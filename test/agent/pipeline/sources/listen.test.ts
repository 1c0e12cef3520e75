import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseListenAddress } from '../../../../src/agent/pipeline/sources/listen/listen-address.ts'
import { ListenSource } from '../../../../src/agent/pipeline/sources/listen/listen-source.ts'
import type { SourceBatch } from '../../../../src/agent/pipeline/sources/source.ts'
import { eventLine } from '../../../fixtures/event-line.ts'
import { falco, falcoOpen } from '../../../fixtures/sensors/sensor-lines.ts'
import { post, reportToSocket } from '../../../fixtures/report-listener.ts'

/** A source that is read only when a test requests an item. */
class Reader {
  readonly source: ListenSource
  readonly stop = new AbortController()
  readonly rejected: string[] = []
  readonly #batches: AsyncGenerator<SourceBatch>

  constructor(spec: string) {
    this.source = new ListenSource(spec, {
      node: 'n1',
      onRejected: ({ message }) => this.rejected.push(message),
    })
    this.#batches = this.source.messages(this.stop.signal)
  }

  get place(): string {
    return this.source.stats.facts['address'] ?? ''
  }

  /** The next `count` items of the batches: paths of files and reasons of losses. */
  async take(count: number): Promise<string[]> {
    const reported: string[] = []
    while (reported.length < count) {
      const { value, done } = await this.#batches.next()
      if (done === true || value === undefined) break
      for (const message of value) {
        if (message.type !== 'event') continue
        const { event } = message
        if (event.kind === 'file') reported.push(event.file.path)
        else
          reported.push(
            event.kind === 'loss' ? `${event.loss.count} ${event.loss.reason}` : event.kind,
          )
      }
    }
    return reported
  }

  /** Requests the next batch, so that the source listens. */
  async begin(): Promise<() => Promise<void>> {
    const first = this.#batches.next()
    while (this.source.state.kind === 'starting') await new Promise((r) => setImmediate(r))
    return async () => {
      await first
    }
  }

  async end(): Promise<void> {
    this.stop.abort()
    for await (const _ of this.#batches) continue
  }
}

let folder: string
let reader: Reader
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-listen-')
})
afterEach(async () => {
  await reader.end()
  rmSync(folder, { recursive: true, force: true })
})

function open(spec: string): Promise<() => Promise<void>> {
  reader = new Reader(spec)
  return reader.begin()
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) => `${eventLine(`/srv/${from + n}`)}\n`).join('')

describe('a listener on a unix socket', () => {
  const mode = (): string => (statSync(join(folder, 'e.sock')).mode & 0o777).toString(8)

  it('is for its owner only, or has the configured mode', async () => {
    await open(`unix:${folder}/e.sock`)
    expect(mode()).toBe('600')
    await reader.end()
    await open(`unix:${folder}/e.sock?mode=0660`)
    expect(mode()).toBe('660')
  })

  it('takes the place of a socket that a dead agent left, and of nothing else', async () => {
    writeFileSync(`${folder}/e.sock`, '')
    reader = new Reader(`unix:${folder}/e.sock`)
    await expect(reader.take(1)).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
    rmSync(`${folder}/e.sock`)
    await open(`unix:${folder}/e.sock`)
    const second = new Reader(`unix:${folder}/e.sock`)
    await expect(second.take(1)).rejects.toMatchObject({ code: 'AGENT_RUNNING' })
  })

  it('takes many peers at a time, each line whole, however they are cut', async () => {
    await open(`unix:${folder}/e.sock`)
    const peers = Array.from({ length: 20 }, () => connect(reader.place).on('error', () => {}))
    const texts = peers.map((_, n) => lines(n * 50, n * 50 + 50))
    const size = Math.max(...texts.map(({ length }) => length))
    for (let at = 0; at < size; at += 997) {
      for (const [n, peer] of peers.entries()) peer.write(texts[n]!.slice(at, at + 997))
    }
    for (const peer of peers) peer.end()
    // `begin` has requested the first batch.
    const reported = new Set(await reader.take(950))
    expect(reported.size).toBeGreaterThanOrEqual(950)
    expect(reader.source.stats.lost).toEqual({})
  })

  it('reads on only as fast as it is read itself', async () => {
    const first = await open(`unix:${folder}/e.sock`)
    const peer = connect(reader.place).on('error', () => {})
    const big = lines(0, 40_000)
    const isSent = new Promise<void>((resolve) => peer.end(big, () => resolve()))
    await first()
    const { received } = reader.source.stats
    // Only part fits into the buffers of the socket and of the peer.
    await new Promise((resolve) => setImmediate(resolve))
    expect(reader.source.stats.received).toBe(received)
    expect(received).toBeLessThan(2_000)
    expect(peer.bytesWritten).toBeGreaterThan(0)
    await reader.take(40_000 - received)
    await isSent
    expect(reader.source.stats.received).toBe(40_000)
  })

  it('attributes a truncated or invalid line to the peer that sent it', async () => {
    await open(`unix:${folder}/e.sock`)
    const output = [
      reportToSocket(reader.place, eventLine('/whole')),
      reportToSocket(reader.place, `${eventLine('/a')}\nnonsense\n${eventLine('/b').slice(0, 50)}`),
    ]
    void reader.take(Infinity)
    await Promise.all(output)
    const { facts, lost } = reader.source.stats
    expect(lost).toEqual({ undecodable: 2 })
    expect(facts).toMatchObject({ 'rejected of peer 2': '2', 'peers accepted': '2' })
    expect(reader.rejected).toEqual([
      expect.stringMatching(/peer 2`: line 2: the line is not JSON/),
      expect.stringMatching(/peer 2`: line 3 was cut/),
    ])
  })
})

describe('a listener over HTTP', () => {
  async function answered(body: string | Uint8Array<ArrayBuffer>, headers = {}, path = '') {
    const answer = post(`${reader.place}${path}`, body, headers)
    void reader.take(Infinity)
    return answer
  }

  it('answers with the number of events once they are judged', async () => {
    await open('http:127.0.0.1:0')
    expect(await answered(lines(0, 3))).toEqual({ status: 200, body: { accepted: 3 } })
  })

  it('answers with the first invalid line and counts the others', async () => {
    await open('http:127.0.0.1:0')
    const answer = await answered(`${eventLine('/a')}\n{}\n${eventLine('/b')}`)
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'EVENT_INVALID', accepted: 2, rejected: 1 },
    })
    expect(reader.source.stats.facts['rejected of 127.0.0.1']).toBe('1')
  })

  it('accepts compressed bodies and reports one that cannot be decompressed', async () => {
    await open('http:127.0.0.1:0')
    const packed = new Uint8Array(gzipSync(lines(0, 3)))
    const gzip = { 'content-encoding': 'gzip' }
    expect(await answered(packed, gzip)).toMatchObject({ status: 200, body: { accepted: 3 } })
    const half = await answered(packed.slice(0, 60), gzip)
    expect(half).toMatchObject({ status: 400, body: { code: 'EVENT_FILE_CUT', rejected: 1 } })
    const odd = await answered('x', { 'content-encoding': 'br' })
    expect(odd).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
  })

  it('accepts the alerts of Falco as it posts them, and its drops', async () => {
    await open('http:127.0.0.1:0?format=falco')
    expect(await answered(falcoOpen('/a'))).toMatchObject({ status: 200, body: { accepted: 1 } })
    const rule = {
      ...(JSON.parse(falco({ n_drops: 7 })) as object),
      rule: 'Falco internal: syscall event drop',
    }
    expect(await answered(JSON.stringify(rule))).toMatchObject({ status: 200 })
    expect(reader.source.stats.lost).toEqual({ 'dropped by falco': 7 })
    expect(reader.source.supports).toMatchObject({ byRule: true })
  })

  it('refuses requests from a web page, and other methods', async () => {
    await open('http:127.0.0.1:0')
    const page = await answered(lines(0, 1), { origin: 'http://evil.example' })
    expect(page).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
    const got = await fetch(reader.place)
    expect(got.status).toBe(404)
    expect(reader.source.stats.received).toBe(0)
  })

  it('requires its token, in a header or in the address', async () => {
    const token = 'k'.repeat(32)
    const file = join(folder, 'token')
    writeFileSync(file, `${token}\n`)
    await open(`http:127.0.0.1:0?token=${file}`)
    expect(await answered(lines(0, 1))).toMatchObject({ status: 401 })
    expect(await answered(lines(0, 1), {}, 'k'.repeat(31))).toMatchObject({ status: 401 })
    expect(await answered(lines(0, 1), {}, token)).toMatchObject({ status: 200 })
    const authorization = `Bearer ${token}`
    expect(await answered(lines(0, 1), { authorization })).toMatchObject({ status: 200 })
  })

  it('is not there with a token that is too short', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, 'short')
    reader = new Reader(`http:127.0.0.1:0?token=${file}`)
    await expect(reader.take(1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

it('refuses an invalid address, and one beyond loopback without a token', () => {
  for (const spec of [
    '',
    'unix:',
    'unix:rel.sock',
    'unix:/a?mode=999',
    'unix:/a?token=/t',
    'http:127.0.0.1',
    'http:127.0.0.1:70000',
    'http:127.0.0.1:1?format=odd',
    'http:0.0.0.0:1',
    'http:[::]:1',
    'tcp:127.0.0.1:1',
  ]) {
    expect(() => parseListenAddress(spec), spec).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  }
  expect(parseListenAddress('http:[::1]:1')).toMatchObject({ host: '::1', port: 1 })
  expect(parseListenAddress('http:0.0.0.0:1?token=/t')).toMatchObject({ tokenFile: '/t' })
  expect(parseListenAddress('unix:/a?format=tetragon')).toMatchObject({ mode: 0o600 })
})
