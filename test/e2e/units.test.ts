import { appendFileSync, copyFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import { CursorFile } from '../../src/agent/records/store/cursor-file.ts'
import type { ProfileDiff } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { SystemdHost } from '../fixtures/systemd-host.ts'

const unit = '_unit/greeter.service'
/** Greets, and runs the orders that the test writes: so the test makes it misbehave. */
const program = (more = ''): string => `#!/bin/sh
n=0
while :; do
  cat /etc/greeter/words${more} >/dev/null
  . /run/greeter/orders
  n=$((n + 1))
  echo $n >/run/greeter/turns
  sleep 0.2
done
`
const unitFile = `[Service]
User=daemon
RuntimeDirectory=greeter
ExecStartPre=/usr/bin/touch /run/greeter/orders
ExecStart=/usr/sbin/greeter
`
const files = {
  'usr/sbin/greeter': program(),
  'etc/greeter/words': 'hello\n',
  'etc/greeter/more': 'world\n',
  'usr/lib/systemd/system/greeter.service': unitFile,
  'usr/lib/systemd/system/other.service': `[Service]
ExecStart=/bin/sh -c 'while :; do cat /etc/hostname >/dev/null; sleep 0.2; done'
`,
}
/** Its command is a script of one package, which starts the program of another one and ends. */
const forked = '_unit/greetd.service'
const launcher = {
  'usr/bin/greetctl': '#!/bin/sh\n/usr/bin/greetd 1000000 &\n',
  'usr/lib/systemd/system/greetd.service': `[Service]
Type=forking
ExecStart=/usr/bin/greetctl
`,
}
let host: SystemdHost
let agent: Agent

beforeAll(async () => {
  host = await SystemdHost.boot()
  await host.install('greeter', '1:1.0-1', files)
  await host.install('greetd-common', '5', launcher)
  await host.install('greetd', '1.0', { 'usr/bin/greetd': forkedProgram() })
  await host.must('systemctl daemon-reload')
  agent = await startAgent({
    docker: 'none',
    config: {
      units: ['greet*.service', 'systemd-journald.service', 'absent@*'],
      learn: { floor: '3s', ceiling: '1h', unseen: 1 },
      block: { canary: 1, budget: 1_000 },
    },
  })
  await host.must('systemctl start greeter other')
  await learned(1)
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await host.stop()
})

/** A real program: a script would be known by its interpreter. */
function forkedProgram(more = ''): Buffer {
  return Buffer.concat([readFileSync(join(host.root, 'usr/bin/sleep')), Buffer.from(more)])
}

function learned(count: number): Promise<LineageView> {
  return agent.until<LineageView>(
    ['image', 'show', unit],
    ({ versions }) => versions.length === count && versions.every(({ mode }) => mode === 'alert'),
  )
}

async function order(line: string): Promise<void> {
  await host.must(`echo '${line}' >/run/greeter/orders`)
}

/** Resolves after two more turns of the service. */
async function turns(): Promise<void> {
  const count = async (): Promise<number> => Number(await host.must('cat /run/greeter/turns'))
  const before = await count()
  await expect.poll(count).toBeGreaterThan(before + 1)
}

/** Resolves with the alert on such a behaviour. */
async function alertOn(text: string, good: (alert: Alert) => boolean = () => true): Promise<Alert> {
  const isIt = (alert: Alert): boolean =>
    alert.behaviour?.text.includes(text) === true && good(alert)
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--image', unit], (list) =>
    list.some(isIt),
  )
  const found = alerts.find(isIt)
  if (found === undefined) throw new Error(`no alert on ${text}`)
  return found
}

test('a unit of systemd is learned as the package of its program, with the user that it declares', async () => {
  const { versions } = await agent.json<LineageView>(['image', 'show', `${unit}:1:1.0-1`])
  expect(versions).toMatchObject([{ tags: ['1:1.0-1'], containers: { running: 1, before: 0 } }])
  const profile = await agent.json<{
    behaviours: { actor: { exe: string }; uid: unknown; kind: string; text: string }[]
  }>(['profile', 'show', unit])
  const execs = profile.behaviours.filter(({ kind }) => kind === 'exec')
  expect(execs.map(({ actor, text }) => `${actor.exe}: ${text}`).sort()).toMatchInlineSnapshot(`
    [
      "(runtime): run /usr/bin/dash (script /usr/sbin/greeter)",
      "(runtime): run /usr/bin/touch",
      "/usr/sbin/greeter: run /usr/bin/cat",
      "/usr/sbin/greeter: run /usr/bin/sleep",
    ]
  `)
  expect(new Set(profile.behaviours.map(({ uid }) => uid))).toEqual(new Set(['declared']))
})

test('nothing is known of units that no glob names, and the status counts those that are watched', async () => {
  // Containers of other tests run on this kernel too.
  const names = (list: readonly LineageView[]): readonly string[] =>
    list.map(({ repository }) => repository).filter((name) => name.startsWith('_unit/'))
  const images = await agent.until<LineageView[]>(
    ['image', 'list'],
    (list) => names(list).length > 1,
  )
  expect(names(images)).toEqual([unit, '_unit/systemd-journald.service'])
  const { containers, engines } = await agent.json<StatusView>(['status'])
  expect(containers.units).toBe(2)
  expect(engines).toContainEqual({ name: 'units', state: 'running' })
})

test('`snug doctor` names the units of each glob, and why a glob has none', async () => {
  const { checks } = await agent.json<{ checks: { name: string; found: string }[] }>(['doctor'])
  expect(checks.filter(({ name }) => name === 'units')).toMatchInlineSnapshot(`
    [
      {
        "found": "\`greet*.service\`: 1 running, greeter.service",
        "name": "units",
        "ok": true,
      },
      {
        "found": "\`systemd-journald.service\`: 1 running, systemd-journald.service",
        "name": "units",
        "ok": true,
      },
      {
        "advice": "no service of that name is installed: systemctl list-units --type=service has the names",
        "found": "\`absent@*\`: 0 running",
        "name": "units",
        "ok": false,
      },
    ]
  `)
})

test('a program that no package ships is drift, and so is one whose content was changed', async () => {
  await host.must('cp /usr/bin/true /tmp/tool && chmod 755 /tmp/tool')
  await order('/tmp/tool')
  expect(await alertOn('/tmp/tool')).toMatchObject({
    severity: 'high',
    type: 'guardrail',
    event: { exec: { path: '/tmp/tool', drift: true } },
  })
  const sleep = join(host.root, 'usr/bin/sleep')
  copyFileSync(sleep, `${sleep}.shipped`)
  copyFileSync(sleep, `${sleep}.changed`)
  appendFileSync(`${sleep}.changed`, 'x')
  renameSync(`${sleep}.changed`, sleep)
  const isDrift = ({ event }: Alert): boolean => event?.kind === 'exec' && event.exec.drift
  expect(await alertOn('/usr/bin/sleep', isDrift)).toMatchObject({ type: 'guardrail' })
  renameSync(`${sleep}.shipped`, sleep)
  await order('')
  await turns()
})

test('a unit that keeps the host running is never blocked', async () => {
  const vital = '_unit/systemd-journald.service'
  await agent.until<LineageView>(['image', 'show', vital], ({ versions }) => versions.length === 1)
  const mode = await agent.cli(['profile', 'mode', vital, 'block'])
  expect(mode.code).not.toBe(0)
  expect(mode.stderr).toContain('MODE_REFUSED')
  expect(mode.stderr).toContain('`systemd-journald.service` keeps the host running')
  const hold = await agent.cli(['quarantine', vital, '--level', 'network', '--reason', 'a test'])
  expect(hold.stderr).toContain('HOLD_UNAVAILABLE')
})

test('in mode block a deviation is stopped, and the ordinary work of the unit goes on', async () => {
  await expect.poll(async () => (await agent.cli(['profile', 'mode', unit, 'block'])).code).toBe(0)
  await agent.until<LineageView>(
    ['image', 'show', unit],
    ({ versions }) => versions[0]?.blocking?.armed === true,
  )
  await order('/usr/bin/touch /run/greeter/touched')
  const stopped = ({ action }: Alert): boolean => action === 'blocked' || action === 'killed'
  await alertOn('/usr/bin/touch', stopped)
  expect((await host.run('test -e /run/greeter/touched')).code).toBe(1)
  await order('')
  await turns()
})

test('an agent that was killed finds the run again, and blocks it still', async () => {
  await agent.kill()
  await agent.start()
  const { versions } = await agent.until<LineageView>(
    ['image', 'show', unit],
    // The state comes from the store, and the run once its sensor has found it again.
    ({ versions: [shown] }) => shown?.blocking?.armed === true && shown.containers.running === 1,
  )
  expect(versions).toMatchObject([{ mode: 'block', containers: { seen: 1 } }])
  await order('/usr/bin/touch /run/greeter/touched')
  await turns()
  expect((await host.run('test -e /run/greeter/touched')).code).toBe(1)
  await order('')
})

test('a new version of the package is a new version of the unit, with what it does differently', async () => {
  await host.install('greeter', '1:2.0-1', {
    ...files,
    'usr/sbin/greeter': program(' /etc/greeter/more'),
  })
  await host.must('systemctl restart greeter')
  const { versions } = await agent.until<LineageView>(
    ['image', 'show', unit],
    (lineage) => lineage.versions.length === 2,
  )
  expect(versions.map(({ tags }) => tags)).toEqual([['1:1.0-1'], ['1:2.0-1']])
  expect(versions[1]?.predecessor).toBe(versions[0]?.image.digest)
  await alertOn('/etc/greeter/more')
  const added = async (): Promise<readonly string[]> => {
    const diff = await agent.json<ProfileDiff>([
      'profile',
      'diff',
      `${unit}:1:1.0-1`,
      `${unit}:1:2.0-1`,
    ])
    return diff.added.map(({ actor, text }) => `${actor}: ${text}`)
  }
  await expect.poll(added).toContain('/usr/bin/cat: read /etc/greeter/more')
})

test('a program that a launcher of another package starts gives the unit its version', async () => {
  const newest = (tag: string): Promise<LineageView> =>
    agent.until<LineageView>(
      ['image', 'show', forked],
      ({ versions }) => versions.at(-1)?.tags.includes(tag) === true,
    )
  await host.must('systemctl start greetd')
  // The agent finds the program once the launcher has ended: only by chance in time for the first run. It may look after
  // seconds, and systemd refuses to start a unit again and again.
  const kept = new CursorFile(join(agent.data, 'unit-programs'))
  await expect.poll(() => kept.load()).toEqual({ 'greetd.service': '/usr/bin/greetd' })
  await host.must('systemctl restart greetd')
  await newest('1.0')
  await host.install('greetd', '2.0', { 'usr/bin/greetd': forkedProgram('upgraded') })
  await agent.kill()
  await agent.start()
  await host.must('systemctl restart greetd')
  await newest('2.0')
})

test('the kernel and the agent agree on everything that they judged', async () => {
  const { counters, degraded } = await agent.json<StatusView>(['status'])
  expect(counters['kernelDisagreements']).toBe(0)
  expect(degraded).toEqual([])
})
