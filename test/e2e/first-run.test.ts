import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { learnerConfig, startLearned } from '../fixtures/learned-agent.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** Runs the script that somebody asks for, and writes its name down. */
const loop = `#!/bin/sh
mkdir -p /srv/done
while true; do
  if [ -f /jobs/next ]; then
    read -r job < /jobs/next
    rm /jobs/next
    "$job"
    echo "$job" > /jobs/done
  fi
  sleep 0.1
done
`
const closing = `#!/bin/sh
mkdir -p /srv/closed
echo closed > /srv/closed/today.csv
gzip -c /srv/closed/today.csv > /srv/closed/today.gz
find /srv/closed -name '*.old' -delete
nc -w 1 127.0.0.1 9 < /dev/null
true
`
const scripts = {
  usual: '/app/usual',
  closing: '/app/close-day',
  marker: '/app/marker',
  write: '/app/write',
  written: '/srv/done/close-day',
}

const image = `${uniqueName('nightly')}:1`
const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-first-run-')
let agent: Agent
let container: Docker.Container

async function run(script: string): Promise<void> {
  rmSync(join(folder, 'done'), { force: true })
  writeFileSync(join(folder, 'next'), `${script}\n`)
  await vi.waitUntil(() => existsSync(join(folder, 'done')), { timeout: patienceMs })
}

/** Open alerts that sinks get. */
async function open(): Promise<readonly Alert[]> {
  const list = await agent.json<Alert[]>(['alert', 'list', '--image', image, '--limit', '200'])
  return list.filter(({ decision, novelty }) => decision === undefined && novelty !== true)
}

const openUntil = (holds: (alerts: readonly Alert[]) => boolean): Promise<readonly Alert[]> =>
  vi.waitUntil(
    async () => {
      const alerts = await open()
      return holds(alerts) && alerts
    },
    { timeout: patienceMs },
  )

beforeAll(async () => {
  const files = {
    '/app/run': loop,
    [scripts.usual]: '#!/bin/sh\ndate > /srv/done/last.csv\n',
    [scripts.closing]: closing,
    [scripts.marker]: '#!/bin/sh\ntrue\n',
    [scripts.write]: `#!/bin/sh\ncp /jobs/draft ${scripts.written}\nchmod +x ${scripts.written}\n`,
  }
  await busyboxImage(docker, { name: image, files })
  agent = await startAgent({ docker: socket, config: learnerConfig })
  container = await startContainer(docker, image, ['/app/run'], {
    HostConfig: { Binds: [`${folder}:/jobs`] },
  })
  await run(scripts.usual)
  await run(scripts.usual)
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text.endsWith('/srv/done/last.csv')),
  )
  agent = await startLearned(agent, socket, [image])
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('a job that the window did not show is one alert, and one for files of unknown kinds', async () => {
  await run(scripts.closing)
  // Its last act.
  await openUntil((alerts) =>
    alerts.some(({ cause }) => cause?.component?.some(({ access }) => access === 'connect')),
  )
  expect(await open()).toMatchObject([
    { severity: 'medium', cause: { place: scripts.closing, firstRun: true } },
    { severity: 'medium', cause: { place: scripts.closing, firstRun: true } },
  ])
  for (const { reasons } of await open())
    expect(reasons[0]).toContain(`\`${scripts.closing}\` did not run during the window: `)
})

test('once a person allows both, the job raises nothing', async () => {
  for (const { id } of await open()) await agent.json(['alert', 'allow', id])
  await run(scripts.closing)
  await run(scripts.closing)
  await run(scripts.marker)
  const alerts = await openUntil((list) => list.length > 0)
  expect(alerts.map(({ cause }) => cause?.place)).toEqual([scripts.marker])
})

test('a script of that name which the container wrote is an alert by itself, and so is what it does', async () => {
  const written = `#!/bin/sh\necho > /srv/done/other.csv\n`
  writeFileSync(join(folder, 'draft'), written)
  await run(scripts.write)
  await run(scripts.written)
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--image', image], (list) =>
    list.some(({ behaviour }) => behaviour?.text.includes('other.csv')),
  )
  const ofScript = alerts.filter(({ process }) => process?.script === scripts.written)
  expect(ofScript.length).toBeGreaterThan(1)
  expect(ofScript.filter(({ cause }) => cause?.firstRun === true)).toEqual([])
})
