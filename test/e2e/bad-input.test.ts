import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { Agent, runCli, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('plain')}:1`
const { docker, socket } = sharedEngine()

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image } })
})

const line = (path: string): string =>
  `${JSON.stringify({
    v: 1,
    time: '2026-11-24T13:40:27.123456Z',
    node: 'n1',
    source: 'file',
    kind: 'file',
    container: { id: 'a'.repeat(64), name: 'web-1' },
    image: { repository: 'shop/web', tag: '1', digest: `sha256:${'b'.repeat(64)}` },
    process: { pid: 1, exe: '/usr/sbin/nginx', uid: 0, origin: 'entrypoint' },
    file: { path, access: ['read'] },
  })}\n`

describe('a config with a mistake', () => {
  test.each([
    ['a key that is mistyped', { learn: { flor: '20s' } }, /learn\.floor/],
    ['a value of the wrong kind', { learn: { floor: 'soon' } }, /learn\.floor/],
    ['a mode that does not exist', { after: 'explode' }, /after/],
  ])('is refused with exit code 3 and named: %s', async (_, config, names) => {
    await using agent = new Agent({ config })
    const child = agent.launch()
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(3)
    expect(agent.lastOutput()).toContain('CONFIG_INVALID')
    expect(agent.lastOutput()).toMatch(names)
  })

  test('that is no YAML is refused with exit code 3', async () => {
    await using agent = new Agent()
    writeFileSync(agent.config, 'listen: [none\n  data: :')
    const child = agent.launch()
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(3)
  })
})

describe('an event file', () => {
  test('that was cut in the middle of a line is judged up to the cut, and the cut is reported', async () => {
    await using agent = await startAgent({ config: { sources: ['file:-'] }, docker: socket })
    const file = join(agent.folder, 'events.ndjson')
    writeFileSync(file, line('/a') + line('/b') + line('/c').slice(0, 90))
    const replay = await agent.cli(['event', 'replay', file, '-o', 'json'])
    expect(replay.code).toBe(3)
    expect(replay.stdout + replay.stderr).toContain('EVENT_FILE_CUT')
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', 'shop/web'])
    expect(behaviours.map(({ object }) => object).join()).toContain('/b')
  })

  test('that is a source and was cut is judged up to the cut, and the rest is a loss', async () => {
    const folder = mkdtempSync('/tmp/snug-cut-')
    try {
      const file = join(folder, 'events.ndjson')
      writeFileSync(file, line('/a') + line('/b') + line('/c').slice(0, 90))
      const config = { sources: [`file:${file}`], engines: { docker: { socket: 'none' } } }
      await using agent = await startAgent({ config })
      const status = await agent.until<StatusView>(['status'], ({ losses }) => losses.length > 0)
      expect(status.losses).toHaveLength(1)
      await agent.until<ProfileView>(['profile', 'show', 'shop/web'], ({ behaviours }) =>
        behaviours.some(({ object }) => object.includes('/b')),
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('with invalid lines is judged line by line, and each invalid line is named', async () => {
    await using agent = await startAgent({ config: { sources: ['file:-'] }, docker: socket })
    const file = join(agent.folder, 'events.ndjson')
    writeFileSync(file, `${line('/a')}not json\n{"v":1}\n${line('/b')}`)
    const replay = await agent.cli(['event', 'replay', file, '-o', 'json'])
    expect(replay.code).toBe(3)
    interface Result {
      readonly events: number
      readonly rejectedCount: number
      readonly rejected: readonly { readonly line: number; readonly code: string }[]
    }
    const result = JSON.parse(replay.stdout) as Result
    expect(result).toMatchObject({ events: 2, rejectedCount: 2 })
    expect(result.rejected.map((bad) => [bad.line, bad.code])).toEqual([
      [2, 'EVENT_INVALID'],
      [3, 'EVENT_INVALID'],
    ])
  })
})

test('a damaged store is set aside and reported, and the agent keeps observing', async () => {
  await using agent = await startAgent({ docker: socket })
  const first = await startContainer(docker, image, ['/bin/sleep', '60'])
  try {
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions.length === 1,
    )
    expect(await agent.stop()).toBe(0)
    damage(agent.data)
    await agent.start()
    const status = await agent.json<StatusView>(['status'])
    expect(status.degraded.join()).toMatch(/STORE_DAMAGED/)
    const { id } = await runContainer(docker, image, ['/bin/cat', '/etc/motd'])
    await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(({ containers }) => containers.includes(id)),
    )
  } finally {
    await removeContainer(first)
  }
})

/** As a bad disk or a half-restored backup would. */
function damage(folder: string): void {
  let hit = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !/(MANIFEST-\d+|CURRENT|\.ldb)$/.test(path)) continue
    truncateSync(path, Math.floor(statSync(path).size / 2))
    appendFileSync(path, Buffer.from('garbage'))
    hit++
  }
  expect(hit).toBeGreaterThan(0)
}

test('of two agents on one data directory the second is refused', async () => {
  await using agent = await startAgent({ docker: socket })
  const other = new Agent({ folder: agent.folder, docker: socket })
  const child = other.launch()
  const code = await new Promise((resolve) => child.once('exit', resolve))
  expect(code).toBe(1)
  expect(other.lastOutput()).toMatch(/AGENT_RUNNING|STORE_LOCKED/)
  expect((await agent.cli(['status'])).code).toBe(0)
})

test('a command without an agent fails with AGENT_UNREACHABLE, and a mistyped command with a usage error', async () => {
  const result = await runCli(['status', '--socket', '/tmp/no-such-agent.sock'])
  expect(result.code).toBe(1)
  expect(result.stderr).toContain('AGENT_UNREACHABLE')
  const typo = await runCli(['stauts'])
  expect(typo.code).toBe(64)
})

describe('Docker that goes away and comes back', () => {
  let own: Dockerd

  beforeAll(async () => {
    own = await startDockerd()
    await busyboxImage(own.docker, { name: image, labels: { test: image } })
  })

  afterAll(async () => {
    await own.stop()
  })

  test('is a degraded state that heals, and earlier events are attributed afterwards', async () => {
    await using agent = await startAgent({ docker: own.socket })
    const service = await startContainer(own.docker, image, [
      '/bin/sh',
      '-c',
      'while true; do cat /etc/motd; sleep 0.2; cat /etc/passwd; sleep 1; done',
    ])
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.containers.running === 1,
    )
    await own.halt()
    await agent.until<StatusView>(
      ['status'],
      ({ engines }) => engines.find(({ name }) => name === 'docker')?.state === 'degraded',
    )
    await own.resume()
    await agent.until<StatusView>(
      ['status'],
      ({ engines, state }) =>
        state === 'running' && engines.find(({ name }) => name === 'docker')?.state === 'running',
    )
    const { id } = await runContainer(own.docker, image, ['/bin/cat', '/etc/group'])
    const profile = await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(({ containers }) => containers.includes(id)),
    )
    expect(profile.behaviours.some(({ containers }) => containers.includes(service.id))).toBe(true)
    // Not by `unresolved`: the machine's own Docker, which this agent does not ask, starts containers as well.
    await agent.until<LineageView>(['image', 'show', image], ({ versions: [version] }) => {
      return version?.containers.running === 1 && version.containers.seen === 2
    })
    await removeContainer(service)
  })
})
