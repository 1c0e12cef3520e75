import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { digest, falco, falcoOpen } from '../fixtures/sensors/sensor-lines.ts'

const image = `docker.io/library/nginx@${digest}`
const real = readFileSync(
  fileURLToPath(new URL('../fixtures/sensors/falco.ndjson', import.meta.url)),
  'utf8',
)

let folder: string
let log: string
let agent: Agent

async function start(kept?: string): Promise<Agent> {
  return startAgent({
    docker: 'none',
    ...(kept === undefined ? {} : { folder: kept }),
    config: { sources: [`falco:${log}`], kernelState: 'none' },
  })
}

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-falco-')
  log = join(folder, 'falco.json')
  writeFileSync(log, '')
  agent = await start()
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const print = (...lines: readonly string[]): void =>
  appendFileSync(log, lines.map((line) => `${line}\n`).join(''))

function counts(text: string): Promise<ProfileView> {
  return agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some((row) => row.text === text),
  )
}

test('the agent learns an image from Falco’s events, and the evidence names Falco as the source', async () => {
  print(
    falco({
      'evt.type': 'execve',
      'proc.pexepath': '/usr/bin/containerd-shim-runc-v2',
      'proc.vpid': 1,
    }),
  )
  print(falcoOpen('/etc/nginx/nginx.conf'))
  const { behaviours } = await counts('read /etc/nginx/nginx.conf')
  expect(behaviours.map(({ text }) => text).sort()).toEqual([
    'read /etc/nginx/nginx.conf',
    'run /usr/sbin/nginx',
  ])
  expect(behaviours.flatMap(({ sources }) => sources)).toEqual(['falco', 'falco'])
})

test('an event without a container is unprofiled, and an incomplete event is a loss', async () => {
  print(real.trimEnd())
  // Events whose container has to be looked up wait for that, so they are judged after they are received.
  const record = await agent.until<StatusView>(
    ['status'],
    ({ counters }) => (counters['unprofiled'] ?? 0) >= 43,
  )
  expect(record.counters).toMatchObject({ unprofiled: 43 })
  expect(record.sources).toMatchObject([{ received: 46, lost: { undecodable: 1 } }])
  expect(await agent.json<LineageView[]>(['image', 'list'])).toHaveLength(1)
})

test('the agent follows Falco’s file through a rotation, and resumes after a restart where it stopped', async () => {
  renameSync(log, `${log}.1`)
  writeFileSync(log, `${falcoOpen('/srv/rotated')}\n`)
  await counts('read /srv/rotated')
  await agent.stop()
  print(falcoOpen('/srv/meanwhile'))
  agent = await start(agent.folder)
  const { behaviours } = await counts('read /srv/meanwhile')
  const times = Object.fromEntries(behaviours.map(({ text, count }) => [text, count]))
  expect(times['read /srv/rotated']).toBe(1)
  expect(times['read /etc/nginx/nginx.conf']).toBe(1)
  // Falco observed meanwhile: the time without a daemon is no hole in the evidence.
  const { losses } = await agent.json<StatusView>(['status'])
  expect(losses.map(({ reason }) => reason)).not.toContain('agent-down')
})
