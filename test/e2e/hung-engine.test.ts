import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { EngineDoor, type EngineManner } from '../fixtures/engine-door.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const loop = ['/bin/sh', '-c', 'while :; do read line < /etc/app.conf; /bin/busybox sleep 1; done']
const files = { '/etc/app.conf': 'a\n' }

const isDegraded = ({ engines }: StatusView): boolean =>
  engines.some(({ name, state }) => name === 'docker' && state === 'degraded')
const isHealthy = ({ engines }: StatusView): boolean =>
  engines.some(({ name, state }) => name === 'docker' && state === 'running')

describe('an agent that starts while Docker', () => {
  const shared = sharedEngine()
  const started: Docker.Container[] = []
  let folder: string
  let image: string

  beforeAll(async () => {
    folder = mkdtempSync('/tmp/snug-door-')
    image = `${uniqueName('hung')}:1`
    await busyboxImage(shared.docker, { name: image, labels: { test: image }, files })
  })
  afterEach(async () => {
    for (const container of started.splice(0)) await removeContainer(container)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each<[string, EngineManner]>([
    ['accepts and does not answer', 'silent'],
    ['sends half an answer', 'half'],
    ['sends nonsense', 'nonsense'],
  ])('%s observes from its first second, says so, and heals', async (_, manner) => {
    await using door = await EngineDoor.before(shared.socket, folder, manner)
    await using agent = await startAgent({ docker: door.socket })
    // Begins and ends its first program while nobody can say what it is.
    const container = await startContainer(shared.docker, image, loop)
    started.push(container)
    await agent.until<StatusView>(['status'], isDegraded)
    expect((await agent.json<StatusView>(['status'])).sources).toMatchObject([{ state: 'running' }])
    const healedAt = Date.now()
    door.manner = 'answers'
    await agent.until<StatusView>(['status'], isHealthy)
    const profile = await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(({ text }) => text.includes('/etc/app.conf')),
    )
    const [first] = profile.behaviours.filter(({ text }) => text.startsWith('run /bin/busybox'))
    // What the container did first, not what it did after the engine had healed.
    expect(Date.parse(first?.firstSeen ?? '')).toBeLessThan(healedAt)
    const { versions } = await agent.json<LineageView>(['image', 'show', image])
    expect(versions).toMatchObject([{ losses: [], containers: { seen: 1 } }])
  })
})

describe('an agent whose Docker hangs while it runs', () => {
  let dockerd: Dockerd
  let agent: Agent
  const image = 'shop:1'

  beforeAll(async () => {
    dockerd = await startDockerd()
    await busyboxImage(dockerd.docker, { name: image, labels: { test: image }, files })
    agent = await startAgent({ docker: dockerd.socket })
  })
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]()
    if (dockerd !== undefined) process.kill(dockerd.pid(), 'SIGCONT')
    await dockerd?.stop()
  })

  it('says so, goes on to judge, and knows the next container once it answers', async () => {
    const wait = 'until [ -e /go ]; do /bin/busybox sleep 0.2; done; echo b > /etc/app.conf'
    const running = await startContainer(dockerd.docker, image, ['/bin/sh', '-c', wait])
    await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(({ text }) => text.includes('sleep')),
    )
    await agent.json(['profile', 'mode', image, 'alert'])
    const { State } = await running.inspect()
    process.kill(dockerd.pid(), 'SIGSTOP')
    await agent.until<StatusView>(['status'], isDegraded)
    writeFileSync(`/proc/${State.Pid}/root/go`, '')
    await agent.until<readonly Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
      alerts.some(({ behaviour }) => behaviour?.text === 'write /etc/app.conf'),
    )
    expect(isDegraded(await agent.json<StatusView>(['status']))).toBe(true)
    process.kill(dockerd.pid(), 'SIGCONT')
    await agent.until<StatusView>(['status'], isHealthy)
    await startContainer(dockerd.docker, image, loop)
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.containers.seen === 2,
    )
  })
})
