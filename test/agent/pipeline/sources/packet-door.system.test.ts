import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ListenSource } from '../../../../src/agent/pipeline/sources/listen/listen-source.ts'
import type { SourceBatch } from '../../../../src/agent/pipeline/sources/source.ts'
import { gvisorOpen, PacketPeer, sendPackets } from '../../../fixtures/sensors/gvisor-packets.ts'

const packet = gvisorOpen('/srv/data/f-000')
let folder: string
let path: string
let source: ListenSource
let stop: AbortController
let batches: AsyncGenerator<SourceBatch, void, undefined>

beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-packets-')
  path = join(folder, 'gvisor.sock')
  source = new ListenSource(`unix:${path}?format=gvisor&mode=0660`, { node: 'n1' })
  stop = new AbortController()
  batches = source.messages(stop.signal)
})
afterEach(async () => {
  stop.abort()
  await batches.return()
  rmSync(folder, { recursive: true, force: true })
})

const listens = (): Promise<void> => expect.poll(() => source.state.kind).toBe('running')

it('greets a sandbox, and lets its owner and group connect', async () => {
  const first = batches.next()
  await listens()
  expect(statSync(path).mode & 0o777).toBe(0o660)
  expect(await sendPackets(path, [packet])).toBe('0801')
  expect((await first).value).toHaveLength(1)
})

it('knows which containers are observed, until their sandbox disconnects', async () => {
  const first = batches.next()
  await listens()
  const sandbox = new PacketPeer(path)
  sandbox.send([packet])
  await first
  expect([...(source.inside ?? [])]).toEqual([expect.stringMatching(/^runsc-/)])
  const next = batches.next()
  await sandbox.end()
  await expect.poll(() => source.inside?.size).toBe(0)
  stop.abort()
  await next
})

it('listens again where its receiver was killed, and has no sandbox as connected', async () => {
  const first = batches.next()
  await listens()
  const sandbox = new PacketPeer(path)
  sandbox.send([packet])
  await first
  const next = batches.next()
  const [receiver = ''] = execFileSync('pgrep', ['-f', '--', `--packets ${path}`], {
    encoding: 'utf8',
  }).split('\n')
  process.kill(Number(receiver), 'SIGKILL')
  await expect.poll(() => source.stats.facts['peers accepted']).toBe('2')
  expect(source.inside?.size).toBe(0)
  await sandbox.end()
  expect(await sendPackets(path, [packet])).toBe('0801')
  expect((await next).value).toHaveLength(1)
})

it('ends while packets arrive that nobody takes any more', async () => {
  const first = batches.next()
  await listens()
  const sent = sendPackets(path, Array(20_000).fill(packet))
  await first
  stop.abort()
  await batches.return()
  await sent
  expect(source.state).toEqual({ kind: 'stopped' })
})
