import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProfileDiff, ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { unitRepository } from '../../src/core/event/unit-image.ts'
import { attacks } from '../eval/attacks.ts'
import { enter, victim } from '../eval/door.ts'
import { attempt, rowOf, type Target } from '../eval/invade.ts'
import type { AttackRow } from '../eval/result.ts'
import type { LoadName, Reach } from '../eval/service.ts'
import { type Alert, isFalse, learnedProfile } from '../eval/snug.ts'
import { openOutside, type Outside } from '../eval/world.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import {
  type HostService,
  hostServices,
  hostServicesTar,
  installDeb,
  makeNewer,
  runUnit,
  startAgain,
} from '../fixtures/host-services.ts'
import { learnerConfig, startLearned } from '../fixtures/learned-agent.ts'
import { SystemdHost } from '../fixtures/systemd-host.ts'

/** Of Debian 13, as its packages configure them, in a booted system. */
const roundMs = 60_000
/** How long an alert may take on a busy machine. */
const alertMs = 10_000
const images = hostServices.map(({ unit }) => unitRepository(unit))
const vital = ['ssh.service', 'dbus.service', 'systemd-journald.service']
let host: SystemdHost
let agent: Agent
let outside: Outside
let at: Reach
/** Also where a part of the beginning failed. */
const ends: (() => PromiseLike<void>)[] = []
/** Alerts that an earlier part of the test has had. */
const seen = new Set<string>()

const imageOf = ({ unit }: HostService): string => unitRepository(unit)

beforeAll(async () => {
  host = await SystemdHost.boot(await hostServicesTar())
  ends.push(() => host.stop())
  const link = await host.link()
  outside = await openOutside(link.outside)
  ends.push(() => outside[Symbol.asyncDispose]())
  at = { address: link.address, folder: join(host.root, 'srv/host'), origin: outside.origin }
  for (const service of hostServices) await service.setUp(host, at)
  await host.must(`install -d -m 700 /etc/ssh/admin && cd /etc/ssh/admin &&
    ssh-keygen -q -t ed25519 -N '' -f key && cp key.pub keys &&
    echo 'AuthorizedKeysFile /etc/ssh/admin/keys' >/etc/ssh/sshd_config.d/admin.conf &&
    systemctl restart ssh`)
  const units = [...hostServices.map(({ unit }) => unit), ...vital]
  const learner = await startAgent({ docker: 'none', config: { units, ...learnerConfig } })
  agent = learner
  ends.push(() => agent[Symbol.asyncDispose]())
  // A run that ends before the agent has read the packages would leave its main program unknown.
  await agent.until<LineageView[]>(['image', 'list'], (list) =>
    images.every((image) => list.some(({ repository }) => repository === image)),
  )
  for (const load of ['A', 'B', 'A'] as const) expect(await round(load)).toEqual([])
  agent = await startLearned(learner, 'none', images, {
    units,
    // A new version is judged while it learns, as under any window that people use.
    learn: { floor: '30s', ceiling: '7d', unseen: 1 },
    block: { canary: 1, budget: 100_000 },
  })
  for (const image of images) {
    const { approved } = await learnedProfile(agent, image)
    console.log(`${image}: a reviewer approved ${approved.length}: ${approved.join('; ')}`)
    await takeAlerts(image)
  }
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** All services side by side. Gives what failed. */
async function round(load: LoadName): Promise<readonly string[]> {
  const all = await Promise.all(
    hostServices.map((service) => runUnit(service, { host, at, load, roundMs })),
  )
  return all.flat()
}

/** Those that no earlier call has given. */
async function takeAlerts(image: string): Promise<readonly Alert[]> {
  const list = ['alert', 'list', '--image', image, '--limit', '10000']
  const fresh = (await agent.json<Alert[]>(list)).filter(({ id }) => !seen.has(id))
  for (const { id } of fresh) seen.add(id)
  return fresh.filter(isFalse)
}

async function targetOf(service: HostService): Promise<Target> {
  if ((await host.run(`systemctl is-active ${service.unit}`)).code !== 0) {
    await host.must(`systemctl reset-failed ${service.unit}; systemctl restart ${service.unit}`)
    await service.ready(at)
  }
  const [main = 0] = await host.processes(service.unit)
  const isAlertOf = ({ image }: Alert): boolean => image?.repository === imageOf(service)
  return { pid: victim(main), root: `/proc/${main}/root`, data: service.data, isAlertOf }
}

let controls = 0

/**
 * The alerts on what the services did. Events are judged in order: once the control has its alert, all before it were
 * judged. Without that alert no silence means anything.
 */
async function falseAlerts(): Promise<readonly string[]> {
  const lines: string[] = []
  for (const service of hostServices) {
    const control = `/tmp/control-${controls++}`
    await host.must(`cp /usr/bin/true ${control}`)
    const isControl = (alert: Alert): boolean => JSON.stringify(alert).includes(control)
    await enter((await targetOf(service)).pid, [[59, control, { array: [control] }, 0]])
    const list = ['alert', 'list', '--image', imageOf(service), '--limit', '10000']
    await agent.until<Alert[]>(list, (all) => all.some(isControl))
    const alerts = (await takeAlerts(imageOf(service))).filter((alert) => !isControl(alert))
    lines.push(...alerts.map((alert) => lineOf(service, alert)))
    await host.must(`rm ${control}`)
  }
  return lines
}

function lineOf({ unit }: HostService, alert: Alert): string {
  const { action, type, count, process, behaviour, image, reasons } = alert
  return [
    unit,
    image?.tag,
    action,
    type,
    `${count}x`,
    process?.exe,
    process?.args?.join(' '),
    behaviour?.text,
    reasons[0],
  ].join(' | ')
}

async function versionsOf(service: HostService): Promise<LineageView['versions']> {
  return (await agent.json<LineageView>(['image', 'show', imageOf(service)])).versions
}

/** The version with this tag, once its run is the only one. */
async function runningOf(
  service: HostService,
  tag: string,
): Promise<LineageView['versions'][number]> {
  const running = ({ versions }: LineageView): LineageView['versions'] =>
    versions.filter(({ containers }) => containers.running > 0)
  const lineage = await agent.until<LineageView>(
    ['image', 'show', imageOf(service)],
    (view) => running(view).length === 1 && running(view)[0]?.tags[0] === tag,
  )
  const [found] = running(lineage)
  if (found === undefined) throw new Error('it does not run')
  return found
}

async function installed(service: HostService): Promise<string> {
  return host.must(`dpkg-query -W -f '\${Version}' ${service.package}`)
}

/** Somebody logs in. */
async function loggedIn(): Promise<string> {
  const options = '-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'
  return host.must(`ssh -q ${options} -i /etc/ssh/admin/key root@${at.address} echo welcome`)
}

test('the version of each service is that of the package that ships its main program', async () => {
  for (const service of hostServices) {
    const versions = await versionsOf(service)
    expect(versions.map(({ tags }) => tags)).toEqual([[await installed(service)]])
  }
})

test('after three rounds another load raises no alert', async () => {
  expect(await round('B')).toEqual([])
  expect(await falseAlerts()).toEqual([])
})

test('a new version of a package is judged from its first event by the version before, with what it adds', async () => {
  for (const service of hostServices) {
    const [before] = await versionsOf(service)
    const version = makeNewer(host, service, outside.collector)
    await installDeb(host, `/srv/newer-${service.package}.deb`)
    await startAgain(host, service)
    const now = await runningOf(service, version)
    expect(now.predecessor).toBe(before?.image.digest)
  }
  expect(await round('B')).toEqual([])
  const alerts = await falseAlerts()
  for (const service of hostServices) {
    const [before, now] = await versionsOf(service)
    const names = [before, now].map((one) => `${imageOf(service)}:${one?.tags[0]}`)
    const { added } = await agent.json<ProfileDiff>(['profile', 'diff', ...names])
    console.log(
      `${service.unit}: ${added.length} added\n  ${added.map(({ actor, text }) => `${actor}: ${text}`).join('\n  ')}`,
    )
    expect(added.map(({ text }) => text)).toContainEqual(expect.stringContaining('-announce'))
    expect(alerts).toContainEqual(expect.stringMatching(`^${service.unit}.*-announce`))
  }
  expect(alerts.filter((line) => !line.includes('-announce'))).toEqual([])
})

test('the package before is the version before again, judged by the same profile', async () => {
  for (const service of hostServices) {
    await installDeb(host, `/srv/${service.package}_*.deb`)
    await startAgain(host, service)
    const now = await runningOf(service, await installed(service))
    const [first] = await versionsOf(service)
    expect(now.image.digest).toBe(first?.image.digest)
  }
  expect(await round('B')).toEqual([])
  expect(await falseAlerts()).toEqual([])
})

describe.each(hostServices)('the attacks of the evaluation on $unit', (service) => {
  const rows: AttackRow[] = []
  const kept = [service.data, '/etc/passwd', '/etc/debian_version', '/usr/bin/diff']

  async function attacked(known?: readonly AttackRow[]): Promise<readonly AttackRow[]> {
    const found: AttackRow[] = []
    await keep()
    const alerts = await agent.tail<Alert>(['alert', 'tail', '--image', imageOf(service)])
    try {
      for (const attack of attacks) {
        const before = known?.find(({ name }) => name === attack.name)
        if (known !== undefined && before?.works !== true) continue
        const outcome = await attempt(outside, await targetOf(service), attack, alerts, alertMs)
        found.push(rowOf(attack, outcome, before))
      }
    } finally {
      await alerts.stop()
      await restore()
    }
    return found
  }

  /** The copy of a database that is at work would be of no one moment. */
  async function whileStopped(what: string): Promise<void> {
    await host.must(`systemctl stop ${service.unit} && ${what}`)
    await host.must(`systemctl reset-failed ${service.unit}; systemctl start ${service.unit}`)
    await service.ready(at)
  }

  async function keep(): Promise<void> {
    await whileStopped(`mkdir /srv/kept && cp -a --parents ${kept.join(' ')} /srv/kept`)
  }

  async function restore(): Promise<void> {
    await whileStopped(`rm -rf ${kept.join(' ')} && cp -a /srv/kept/. / && rm -rf /srv/kept`)
  }

  /** Those without an alert, but for what the service was seen doing to its own data: that is in its profile. */
  async function silent(silentOnes: readonly AttackRow[]): Promise<readonly string[]> {
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', imageOf(service)])
    const empties = behaviours.some(
      ({ state, text }) =>
        state === 'learned' && text.startsWith('call truncate') && text.includes(service.data),
    )
    const names = silentOnes.map(({ name }) => name)
    return names.filter((name) => !(empties && name === 'a data file made empty'))
  }

  test('each of them that has an effect has an alert', async () => {
    rows.push(...(await attacked()))
    const worked = rows.filter(({ works }) => works)
    const named = worked.filter((row) => row.named)
    console.log(
      `${service.unit}: ${worked.length} of ${rows.length} have an effect, ${named.length} named`,
    )
    console.log(rows.map((row) => JSON.stringify(row)).join('\n'))
    expect(worked.length).toBeGreaterThan(20)
    expect(await silent(worked.filter(({ detected }) => !detected))).toEqual([])
    await takeAlerts(imageOf(service))
  })

  test('in mode block the service stays whole', async () => {
    const image = `${imageOf(service)}:${await installed(service)}`
    await expect
      .poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).stderr)
      .toBe('')
    await agent.until<LineageView>(['image', 'show', imageOf(service)], ({ versions }) =>
      versions.some(
        ({ blocking, containers }) => blocking?.armed === true && containers.running > 0,
      ),
    )
    expect(await runUnit(service, { host, at, load: 'B', roundMs: 20_000 })).toEqual([])
    const refused = (await takeAlerts(imageOf(service))).map((alert) => lineOf(service, alert))
    const blocked = await attacked(rows)
    const stopped = blocked.filter(({ block }) => block?.happened === false)
    console.log(`${service.unit}: ${stopped.length} of ${blocked.length} stopped`)
    console.log(
      blocked
        .filter(({ block }) => block?.happened === true)
        .map((row) => JSON.stringify(row))
        .join('\n'),
    )
    expect(refused).toEqual([])
    // What had no effect needs no alert.
    const unseen = blocked.filter(({ block }) => block?.happened && !block.detected)
    expect(await silent(unseen)).toEqual([])
    await service.ready(at)
    await service.load.B(at)
    expect(await host.must(`systemctl is-active ${service.unit}`)).toBe('active\n')
  })
})

test('the system can be reached while they are blocked, and what keeps it running is not blocked', async () => {
  expect(await loggedIn()).toBe('welcome\n')
  for (const unit of vital) {
    const { stderr } = await agent.cli(['profile', 'mode', unitRepository(unit), 'block'])
    expect(stderr).toContain('MODE_REFUSED')
  }
})
