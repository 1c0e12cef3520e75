import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { agentShellImage, jobFolder, project } from '../fixtures/agent-shell.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { patienceMs } from '../fixtures/patience.ts'

const image = `${uniqueName('agent-shell')}:1`
const peerImage = `${uniqueName('peer')}:1`
const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-open-')
const port = 8080
const serve = ['/bin/sh', '-c', `while true; do nc -l -p ${port} </dev/null; done`]
let agent: Agent
const made: Docker.Container[] = []
let known = ''
let stranger = ''

async function peer(name: string): Promise<string> {
  const container = await startContainer(docker, peerImage, serve, { name: uniqueName(name) })
  made.push(container)
  const { NetworkSettings } = await container.inspect()
  const [network] = Object.values(NetworkSettings.Networks)
  return network?.IPAddress ?? ''
}

/** Has the shell do a job. Gives its exit code, and what it wrote. */
async function doJob(job: string): Promise<{ readonly code: string; readonly output: string }> {
  const result = join(folder, 'result')
  rmSync(result, { force: true })
  writeFileSync(join(folder, 'draft'), job)
  renameSync(join(folder, 'draft'), join(folder, 'job'))
  const read = (): string => (existsSync(result) ? readFileSync(result, 'utf8').trim() : '')
  const code = await vi.waitUntil(read, { timeout: patienceMs })
  return { code, output: readFileSync(join(folder, 'output'), 'utf8') }
}

/** Alerts of the image that are open, without those of the window. */
async function openAlerts(): Promise<readonly Alert[]> {
  const list = await agent.json<Alert[]>(['alert', 'list', '--image', image, '--limit', '200'])
  return list.filter(({ decision }) => decision === undefined)
}

async function ackAll(): Promise<void> {
  for (const { id } of await openAlerts())
    await agent.json(['alert', 'ack', id, '--reason', 'known'])
}

const text = ({ behaviour, reasons }: Alert): string =>
  [behaviour?.text ?? '', ...reasons].join('; ')

beforeAll(async () => {
  await agentShellImage(docker, image)
  await busyboxImage(docker, { name: peerImage, labels: { test: peerImage } })
  known = await peer('registry')
  stranger = await peer('stranger')
  agent = await startAgent({ docker: socket, config: learnerConfig })
  made.push(
    await startContainer(docker, image, ['/app/run'], {
      HostConfig: { Binds: [`${folder}:${jobFolder}`] },
    }),
  )
  for (const name of ['first', 'second'])
    expect(await doJob(project(name, known, port))).toMatchObject({ code: '0' })
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text: line }) => line.endsWith('/workspace/second/done.deb')),
  )
  await agent.json(['profile', 'class', image, 'open', '--reason', 'a coding agent'])
  agent = await startLearned(agent, socket, [image])
  await ackAll()
})

afterAll(async () => {
  for (const container of made) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const strict = [
  ['a private key is read', 'cat /root/.ssh/id_rsa', '/root/.ssh/id_rsa'],
  ['a scheduled job is written', 'echo "* * * * * root /x" > /etc/cron.d/x', '/etc/cron.d/x'],
  ['a neighbour is traced', 'timeout 2 strace -qq -o /dev/null -p 1; test $? = 124', 'ptrace'],
  [
    'a program of the image is replaced',
    'cp /workspace/first/app /usr/bin/new && mv /usr/bin/new /usr/bin/tac',
    '/usr/bin/tac',
  ],
] as const

test('the class has the folders that the window showed', async () => {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const { open, evidence } = versions[0] ?? {}
  expect(open).toMatchObject({ reason: 'a coding agent' })
  expect(evidence?.folders?.programs).toEqual(expect.arrayContaining(['/workspace/']))
  expect(evidence?.folders?.work).toEqual(expect.arrayContaining(['/workspace/']))
})

test('a week of other work raises at most five alerts', async () => {
  for (let day = 1; day <= 7; day += 1)
    expect(await doJob(project(`day${day}`, known, port))).toMatchObject({ code: '0' })
  // What happens last in a container is judged last.
  await doJob(strict[0][1])
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some((alert) => text(alert).includes(strict[0][2])),
  )
  const others = (await openAlerts()).map(text).filter((line) => !line.includes(strict[0][2]))
  expect(others).toEqual([])
})

const toStranger = (): string =>
  `cd /workspace/first && tcc -DPEER='"${stranger}"' -DPORT=${port} -o spy /usr/share/client.c && ./spy`

test.each(strict)('where %s, an alert names it', async (_, job, named) => {
  await doJob(job)
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some((alert) => alert.decision === undefined && text(alert).includes(named)),
  )
})

test('where a new peer is asked, an alert names it, with the programs that led there', async () => {
  expect(await doJob(toStranger())).toMatchObject({ code: '0' })
  const list = await agent.until<Alert[]>(['alert', 'list', '--image', image], (alerts) =>
    alerts.some(({ event }) => event.kind === 'connect' && event.connect.address === stranger),
  )
  const found = list.find(({ event }) => event.kind === 'connect')
  expect(found?.event).toMatchObject({ process: { exe: '/workspace/first/spy' } })
  expect(found?.process?.ancestors).toEqual(['/usr/bin/bash', '/app/run'])
})

test('in block mode the kernel stops each of these, and programs go on', async () => {
  await setMode(agent, image, 'block')
  const status = await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blocking?.kernel.blocks === true,
  )
  expect(status.versions[0]?.blocking?.armed).toBe(true)
  expect(await doJob(project('blocked', known, port))).toMatchObject({ code: '0' })
  const read = await doJob('cat /root/.ssh/id_rsa')
  expect(read.output).not.toContain('a key')
  await doJob('echo "* * * * * root /x" > /etc/cron.d/y')
  expect((await doJob('test -s /etc/cron.d/y')).code).not.toBe('0')
  expect((await doJob(strict[2][1])).code).not.toBe('0')
  expect((await doJob(toStranger())).code).not.toBe('0')
  expect((await agent.json<StatusView>(['status'])).counters['kernelDisagreements']).toBe(0)
})
