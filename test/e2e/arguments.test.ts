import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import { patienceMs } from '../fixtures/patience.ts'

const image = `${uniqueName('arguments')}:1`
const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-jobs-')
let agent: Agent
let container: Docker.Container

/** Runs a shell for each job, as a scheduler does. The job is read from a volume that an attacker may write to. */
const loop = `#!/bin/sh
while true; do
  /bin/sh -c 'exec cat /etc/motd'
  if [ -e /jobs/job ]; then
    read job < /jobs/job
    rm /jobs/job
    /bin/sh -c "$job"
    echo "$?" > /jobs/result
  fi
  sleep 0.1
done
`

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image }, files: { '/app/run': loop } })
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '4s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
  container = await startContainer(docker, image, ['/app/run'], {
    HostConfig: { Binds: [`${folder}:/jobs`] },
  })
  await doJob('exec cat /etc/motd')
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  await removeContainer(container)
  rmSync(folder, { recursive: true, force: true })
  await agent[Symbol.asyncDispose]()
})

/** Has the service run a job; gives its exit code once it ended. */
async function doJob(job: string): Promise<string> {
  const result = join(folder, 'result')
  rmSync(result, { force: true })
  writeFileSync(join(folder, 'draft'), `${job}\n`)
  renameSync(join(folder, 'draft'), join(folder, 'job'))
  const read = (): string => (existsSync(result) ? readFileSync(result, 'utf8').trim() : '')
  return vi.waitUntil(read, { timeout: patienceMs })
}

const shells = (list: readonly Alert[]): readonly string[] =>
  list.flatMap(({ process, behaviour }) =>
    process?.origin === 'entrypoint' && behaviour?.kind === 'exec' ? [behaviour.text] : [],
  )

test('the profile contains the arguments of a shell and restricts the service to them', async () => {
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  const texts = behaviours.map(({ text }) => text)
  expect(texts).toContain("run /bin/busybox as sh -c 'exec cat /etc/motd' …")
  expect(texts.some((text) => text.includes('as sleep'))).toBe(true)
  expect(shells(await agent.json<Alert[]>(['alert', 'list', '--image', image]))).toEqual([])
})

test('the same shell with other arguments is a deviation', async () => {
  expect(await doJob('id')).toBe('0')
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    shells(list).some((text) => text.includes('as sh -c id')),
  )
  const reported = alerts.find(({ behaviour }) => behaviour?.text.includes('as sh -c id'))
  expect(reported?.reasons.join('\n')).toContain(
    "it normally executes /bin/busybox as sh -c 'exec cat",
  )
})

test('in block mode the kernel stops the new arguments and allows the learned ones', async () => {
  await expect.poll(() => setMode(agent, image, 'block').then(() => true)).toBe(true)
  expect(await doJob('exec cat /etc/motd')).toBe('0')
  // Killed or refused before its first instruction, as the host can.
  expect(await doJob('id')).not.toBe('0')
  await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some(({ action, behaviour }) => action !== 'alerted' && behaviour?.text.includes('-c id')),
  )
  expect((await container.inspect()).State.Running).toBe(true)
})
