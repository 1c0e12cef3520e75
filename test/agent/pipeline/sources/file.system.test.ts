import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnugError } from '../../../../src/errors.ts'
import type { SnugEvent } from '../../../../src/core/event/event.ts'
import { eventKinds } from '../../../../src/core/event/event-words.ts'
import {
  EventLineParser,
  type LineTaker,
  maxLineBytes,
} from '../../../../src/agent/pipeline/sources/event-lines.ts'
import { FileSource } from '../../../../src/agent/pipeline/sources/file-source.ts'
import { LineSource } from '../../../../src/agent/pipeline/sources/line-source.ts'
import { bundledProgram } from '../../../fixtures/bundled-program.ts'

const good = (path: string): string =>
  JSON.stringify({
    v: 1,
    time: '2026-11-24T13:40:27.123456Z',
    node: 'n1',
    source: 'ebpf',
    kind: 'file',
    container: { id: 'a'.repeat(64) },
    process: { pid: 1, exe: '/bin/cat', uid: 0, origin: 'entrypoint' },
    file: { path, access: ['read'] },
  })

it('a bad line in a million is one counted loss, and the log names its file and number', async () => {
  const folder = mkdtempSync('/tmp/snug-million-')
  const path = join(folder, 'a.log')
  const lines = Array.from({ length: 1_000_000 }, () => 'x')
  lines[570_000] = 'not one of ours'
  writeFileSync(path, `${lines.join('\n')}\n`)
  // Lines that are cheap to read: the test is about who counts them.
  const event = JSON.parse(good('/a')) as SnugEvent
  const take: LineTaker = (line, into) => {
    if (line !== 'x') throw new SnugError('EVENT_INVALID', 'there is no `x`')
    into.push(event)
  }
  const format = { name: 'plain', kinds: eventKinds, follow: false, open: () => ({ take }) }
  const rejected: object[] = []
  const onRejected = (line: object): number => rejected.push(line)
  const source = new LineSource(format, { path, node: 'n1', onRejected })
  let losses = 0
  for await (const batch of source.messages(new AbortController().signal)) {
    for (const message of batch) {
      if (message.type === 'event' && message.event.kind === 'loss')
        losses += message.event.loss.count
    }
  }
  expect(losses).toBe(1)
  expect(source.stats).toMatchObject({ delivered: 999_999, lost: { undecodable: 1 } })
  expect(rejected).toEqual([
    { code: 'EVENT_INVALID', message: `\`${path}\`: line 570001: there is no \`x\`` },
  ])
  rmSync(folder, { recursive: true })
})

describe('lines of events', () => {
  it('give the same events and the same rejections, however they are cut into chunks', () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((name) => good(`/srv/${name.replaceAll('/', '')}x`)),
      fc.constantFrom('', '  ', '\r', '{}', 'garbage', '{"v":1', 'ü🦊'),
    )
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 200 })
    fc.assert(
      fc.property(fc.array(line), cuts, fc.boolean(), (lines, sizes, closed) => {
        const bytes = Buffer.from(lines.join('\n') + (closed ? '\n' : ''))
        const whole = parse([bytes])
        const chunks: Buffer[] = []
        let at = 0
        for (const size of sizes) {
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        chunks.push(bytes.subarray(at))
        expect(parse(chunks)).toEqual(whole)
      }),
    )
  })

  it('name the line that is no event, and continue', () => {
    const { events, rejected } = parse([
      Buffer.from(`${good('/a')}\n\nnot json\n{"v":2}\n${good('/b')}\n`),
    ])
    expect(events.length).toBe(2)
    expect(rejected.map(({ line, code }) => [line, code])).toEqual([
      [3, 'EVENT_INVALID'],
      [4, 'EVENT_INVALID'],
    ])
  })

  it('take a last line without its newline, and call it cut where it is', () => {
    expect(parse([Buffer.from(good('/a'))]).events.length).toBe(1)
    const cut = parse([Buffer.from(`${good('/a')}\n${good('/b').slice(0, -9)}`)])
    expect(cut.events.length).toBe(1)
    expect(cut.rejected).toMatchObject([{ line: 2, code: 'EVENT_FILE_CUT' }])
  })

  it('skip a line of any length without holding it', () => {
    const parser = new EventLineParser()
    const chunk = Buffer.alloc(1 << 20, 'x')
    for (let n = 0; n < 64; n++) expect(parser.push(chunk).rejectedCount).toBe(0)
    const end = parser.push(Buffer.from(`\n${good('/a')}\n`))
    expect(end.rejected).toMatchObject([{ line: 1, code: 'EVENT_TOO_LONG' }])
    expect(end.events.length).toBe(1)
  })

  it('take a line of exactly the greatest length, and none that is longer', () => {
    const pad = maxLineBytes - Buffer.byteLength(good('/'))
    const longest = good(`/${'x'.repeat(pad)}`)
    expect(Buffer.byteLength(longest)).toBe(maxLineBytes)
    for (const chunks of [[`${longest}\n`], [longest.slice(0, 99), `${longest.slice(99)}\n`]]) {
      expect(parse(chunks.map((text) => Buffer.from(text))).events.length).toBe(1)
    }
    const longer = good(`/${'x'.repeat(pad + 1)}`)
    expect(parse([Buffer.from(`${longer}\n`)]).rejected).toMatchObject([{ code: 'EVENT_TOO_LONG' }])
  })

  it('reject invalid UTF-8, and accept a replacement character in the input', () => {
    const [before, after] = good('/srv/X').split('X')
    const bad = Buffer.concat([
      Buffer.from(before!),
      Buffer.from([0xff]),
      Buffer.from(`${after}\n`),
    ])
    expect(parse([bad]).rejected).toMatchObject([{ line: 1, code: 'EVENT_INVALID' }])
    expect(parse([Buffer.from(`${good('/srv/\ufffd')}\n`)]).events.length).toBe(1)
  })

  it('report only the first of many bad lines and count them all', () => {
    const found = new EventLineParser().push(Buffer.from('bad\n'.repeat(10_000)))
    expect(found.rejectedCount).toBe(10_000)
    expect(found.rejected.length).toBe(100)
  })
})

describe('a file of events', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync('/tmp/snug-events-')
    path = join(folder, 'events.ndjson')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('reports its bad lines as one loss for each batch, and in the log with file and line', async () => {
    writeFileSync(path, `${good('/a')}\nbad\nbad\n${good('/b')}\n`)
    const reported: string[] = []
    const source = new FileSource({
      path,
      node: 'n7',
      onRejected: ({ code, message }) => reported.push(`${code} ${message}`),
    })
    const events = await read(source)
    expect(events.map(({ kind }) => kind)).toEqual(['file', 'file', 'loss'])
    expect(events[2]).toMatchObject({ node: 'n7', loss: { reason: 'undecodable', count: 2 } })
    expect(reported).toHaveLength(2)
    expect(reported[0]).toContain('EVENT_INVALID')
    expect(reported[0]).toContain(path)
    expect(reported[0]).toContain('line 2')
    expect(source.stats).toMatchObject({
      received: 4,
      delivered: 2,
      lost: { undecodable: 2 },
      facts: { lines: '4' },
    })
  })

  it('fails with a code on a folder', async () => {
    await expect(read(new FileSource({ path: folder, node: 'n' }))).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
    })
  })

  it('reads a named pipe as writers come and go, until it is stopped', async () => {
    execFileSync('mkfifo', [path])
    const stop = new AbortController()
    const seen: string[] = []
    const source = new FileSource({ path, node: 'n' })
    for await (const batch of source.messages(writing(stop.signal, 0))) {
      for (const message of batch) {
        if (message.type === 'event' && message.event.kind === 'file')
          seen.push(message.event.file.path)
      }
      if (seen.length === 3) stop.abort()
      else writing(stop.signal, seen.length)
    }
    expect(seen).toEqual(['/0', '/1', '/2'])

    function writing(signal: AbortSignal, n: number): AbortSignal {
      const writer = spawn('sh', ['-c', 'printf "%s\\n" "$0" > "$1"', good(`/${n}`), path])
      writer.on('error', () => stop.abort())
      return signal
    }
  })

  it('reads standard input to its end', async () => {
    const script = `
      import { FileSource } from './src/agent/pipeline/sources/file-source.ts'
      let n = 0
      for await (const batch of new FileSource({ path: '-', node: 'n' }).messages(new AbortController().signal)) n += batch.length
      process.stdout.write(String(n))`
    const path = await bundledProgram('read-standard-input', script)
    const child = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    child.stdin.end(`${good('/a')}\n${good('/b')}`)
    const [code] = await once(child, 'close')
    expect({ code, output }).toEqual({ code: 0, output: '2' })
  })

  it('reads no further than its reader has come', async () => {
    const file = openSync(path, 'w')
    const block = `${good('/srv/data')}\n`.repeat(3_000)
    for (let n = 0; n < 20; n++) writeSync(file, block)
    closeSync(file)
    const source = new FileSource({ path, node: 'n' })
    const batches = source.messages(new AbortController().signal)[Symbol.asyncIterator]()
    await batches.next()
    const after = source.stats.facts['bytes']
    await new Promise((resolve) => setImmediate(resolve))
    expect(source.stats.facts['bytes']).toBe(after)
    expect(Number(after)).toBeLessThan(block.length * 2)
    await batches.return?.(undefined)
    expect(source.state.kind).toBe('stopped')
  })
})

function parse(chunks: readonly Uint8Array[]) {
  const parser = new EventLineParser()
  const parts = [...chunks.map((chunk) => parser.push(Uint8Array.from(chunk))), parser.end()]
  return {
    events: parts.flatMap(({ events }) => events),
    rejected: parts.flatMap(({ rejected }) => rejected),
    count: parts.reduce((sum, { rejectedCount }) => sum + rejectedCount, 0),
  }
}

async function read(source: FileSource): Promise<SnugEvent[]> {
  const events: SnugEvent[] = []
  for await (const batch of source.messages(new AbortController().signal)) {
    for (const message of batch) if (message.type === 'event') events.push(message.event)
  }
  return events
}
