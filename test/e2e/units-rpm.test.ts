import { appendFileSync, copyFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { SystemdHost } from '../fixtures/systemd-host.ts'

/** Debian's systemd and programs with dpkg, and a service with its helper from packages of rpm. */
const unit = '_unit/courier.service'
const helper = '/usr/bin/courier-sleep'
const program = `#!/usr/bin/sh
n=0
while :; do
  . /run/courier/orders
  n=$((n + 1))
  echo $n >/run/courier/turns
  /usr/bin/sleep 0.2
done
`
const unitFile = `[Service]
RuntimeDirectory=courier
RuntimeDirectoryPreserve=yes
ExecStartPre=/usr/bin/touch /run/courier/orders
ExecStart=/usr/sbin/courier
`
let host: SystemdHost
let agent: Agent

/** The helper is a real program: a script would be judged by its interpreter. */
function install(version: string, more = ''): void {
  const sleep = readFileSync(join(host.root, 'usr/bin/sleep'))
  host.installRpm('courier', version, {
    'usr/sbin/courier': program,
    [helper.slice(1)]: Buffer.concat([sleep, Buffer.from(more)]),
    'usr/lib/systemd/system/courier.service': unitFile,
  })
}

beforeAll(async () => {
  host = await SystemdHost.boot()
  install('2:1.0-1')
  await host.must('systemctl daemon-reload')
  agent = await startAgent({
    docker: 'none',
    config: { units: ['courier.service'], learn: { floor: '3s', ceiling: '1h', unseen: 1 } },
  })
  await host.must('systemctl start courier')
  await write(`${helper} 0.1`)
  await agent.until<LineageView>(['image', 'show', unit], ({ versions }) =>
    versions.some(({ mode }) => mode === 'alert'),
  )
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await host.stop()
})

async function write(orders: string): Promise<void> {
  await host.must(`echo '${orders}' >/run/courier/orders`)
}

/** Resolves after two turns of the service with these orders. */
async function order(orders: string): Promise<void> {
  await write(orders)
  const count = async (): Promise<number> => Number(await host.must('cat /run/courier/turns'))
  const before = await count()
  await expect.poll(count).toBeGreaterThan(before + 1)
}

const isDriftOf =
  (path: string) =>
  ({ event }: Alert): boolean =>
    event?.kind === 'exec' && event.exec.drift && event.exec.path === path

/** The drift that is known once a program without a package was run, so that all before it was judged. */
async function driftUntil(path: string): Promise<readonly Alert[]> {
  await host.must(`cp /usr/bin/true ${path}`)
  await order(path)
  const list = ['alert', 'list', '--image', unit]
  const alerts = await agent.until<Alert[]>(list, (all) => all.some(isDriftOf(path)))
  return alerts.filter(({ event }) => event?.kind === 'exec' && event.exec.drift)
}

test('a unit whose program is from a package of rpm has the version of that package', async () => {
  const { versions } = await agent.json<LineageView>(['image', 'show', `${unit}:2:1.0-1`])
  expect(versions).toMatchObject([{ tags: ['2:1.0-1'], containers: { running: 1, before: 0 } }])
})

test('a program that no package ships is drift, and one that `rpm -U` replaced is none', async () => {
  // Between a file and its row in the database, a package is not the file's: no program runs then.
  await order('')
  install('2:2.0-1', 'upgraded')
  await order(`${helper} 0.1`)
  const drift = await driftUntil('/tmp/tool')
  expect(drift.map(({ event }) => event?.kind === 'exec' && event.exec.path)).toEqual(['/tmp/tool'])
})

test('after `rpm -U` and a restart the unit has another version', async () => {
  await host.must('systemctl restart courier')
  const { versions } = await agent.until<LineageView>(
    ['image', 'show', unit],
    (lineage) => lineage.versions.length === 2,
  )
  expect(versions.map(({ tags }) => tags)).toEqual([['2:1.0-1'], ['2:2.0-1']])
  expect(versions[1]?.predecessor).toBe(versions[0]?.image.digest)
})

test('a program with another content than that of its package is drift', async () => {
  const file = join(host.root, helper)
  copyFileSync(file, `${file}.changed`)
  appendFileSync(`${file}.changed`, 'x')
  renameSync(`${file}.changed`, file)
  await order(`${helper} 0.1`)
  const list = ['alert', 'list', '--image', unit]
  const alerts = await agent.until<Alert[]>(list, (all) => all.some(isDriftOf(helper)))
  expect(alerts.find(isDriftOf(helper))).toMatchObject({ type: 'guardrail', severity: 'high' })
})
