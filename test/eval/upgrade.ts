import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import type Docker from 'dockerode'
import type { Alert } from '../../src/core/event/alert.ts'
import type {
  DiffRow,
  LineageView,
  ProfileDiff,
  ProfileView,
} from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import type { Dockerd } from '../fixtures/dockerd.ts'
import { serviceImage } from '../fixtures/eval-debian.ts'
import { learnerConfig } from '../fixtures/learned-agent.ts'
import { type ActSetting, type EvalAct } from './acts/act.ts'
import { appActs } from './acts/app-acts.ts'
import { alertText, isOwn } from './false-alerts.ts'
import { blindMinutesOfRelearning } from './relearn.ts'
import { type EvalService, liveOnce, restartOf, startService } from './service.ts'
import {
  appLines,
  appPackages,
  appSource,
  askApp,
  gunicorn,
  numberedNames,
} from './services/gunicorn.ts'

export interface UpgradeResult {
  /** Files of the image that the new version brings or changes. */
  readonly changed: readonly string[]
  readonly withPrior: HandOver
  readonly fromNothing: HandOver
  readonly added: readonly (DiffRow & { readonly ofProbe: boolean })[]
  readonly removed: readonly DiffRow[]
  readonly unchanged: number
}

export interface HandOver {
  /** Behaviours that a person has to look at. */
  readonly review: number
  /** About what the new version did by itself. */
  readonly alerts: number
  readonly texts: readonly string[]
  /** Acts of an intruder in the new version's first seconds, and those of them that were alerted on. */
  readonly probes: number
  readonly probesTold: readonly string[]
  readonly minutesWatched: number
  /** Until the window ends, where an act of an intruder was learned; 0 where every one was told. */
  readonly blindMinutes: number
}

/** The product's defaults: what a system that starts anew would have to wait for. */
const rules = { floorMs: 3_600_000, ceilingMs: 604_800_000, unseen: 0.01, after: 'alert' } as const
const probes = [
  'a shell by subprocess',
  'who am I',
  'data out by a new connection',
  'a hidden folder and file',
  'the connections of the machine',
  'private keys',
  "the application's own code changed",
  'the database deleted',
]
const changed = [
  '/usr/local/bin/render (another program)',
  '/app/app.py (calls it for a second file)',
  '/app/prices.json (new)',
]

/** What the first version's report goes through, and what the second's does. */
const renderLine = `        return subprocess.run(['/usr/local/bin/render', draft.name], capture_output=True, text=True).stdout`
const priceLine = `        return json.load(open('/app/prices.json'))['currency'] + subprocess.run(['/usr/local/bin/render', draft.name], capture_output=True, text=True).stdout`

function sourceWith(line: string): string {
  const imports = appSource.replace('import datetime,', 'import json, subprocess, datetime,')
  return imports.replace('        return draft.read()', `        draft.flush()\n${line}`)
}

/** A service that was learned gets a new version: once in an agent that knows the old one, once in one that knows nothing. */
export async function upgrade(
  engine: Dockerd,
  say: (line: string) => void,
): Promise<UpgradeResult> {
  const { docker, socket } = engine
  const repository = uniqueName('eval-shop')
  const first = await shop(docker, `${repository}:1`, '/usr/bin/cksum', renderLine, {})
  const prices = { '/app/prices.json': '{"currency": "EUR"}\n' }
  const second = await shop(docker, `${repository}:2`, '/usr/bin/head', priceLine, prices)
  await using agent = await startAgent({ docker: socket, config: learnerConfig })
  say('learning the first version')
  for (let i = 0; i < 3; i++) await liveOnce(docker, first, 'learn', restartOf(i))
  await agent.json(['profile', 'mode', first.image, 'alert'])
  // It sees the second version only.
  await using stranger = await startAgent({ docker: socket, config: learnerConfig })
  const from = Date.now()
  say('the second version, with an intruder in its first seconds')
  const intruded = await probed(engine, second)
  for (let i = 0; i < 2; i++) await liveOnce(docker, second, 'judge', restartOf(i))
  const minutesWatched = (Date.now() - from) / 60_000
  const diff = await agent.json<ProfileDiff>(['profile', 'diff', first.image, second.image])
  const profile = await stranger.json<ProfileView>(['profile', 'show', second.image])
  const looks = { minutesWatched, intruded, image: second.image }
  const shown = await agent.json<ProfileView>(['profile', 'show', second.image])
  const byProbe = onlyIn(intruded.container, shown)
  const added = diff.added.map((row) => ({ ...row, ofProbe: byProbe.has(row.id) }))
  const own = added.filter(({ ofProbe }) => !ofProbe)
  const withPrior = await handOver(agent, { ...looks, review: own.length })
  const fromNothing = await handOver(stranger, {
    ...looks,
    review: profile.behaviours.length - onlyIn(intruded.container, profile).size,
  })
  return {
    changed,
    withPrior,
    fromNothing,
    added,
    removed: diff.removed,
    unchanged: diff.unchanged,
  }
}

async function shop(
  docker: Docker,
  image: string,
  render: string,
  line: string,
  more: Readonly<Record<string, string>>,
): Promise<EvalService> {
  const service = await gunicorn(docker, `${uniqueName('eval-unused')}:1`)
  const files = { '/app/app.py': sourceWith(line), ...numberedNames, ...more }
  const lines = [`RUN cp ${render} /usr/local/bin/render`, ...appLines]
  await serviceImage(docker, { name: image, packages: appPackages, files, lines })
  return { ...service, image }
}

interface Intruded {
  readonly container: string
  readonly acts: readonly EvalAct[]
}

async function probed(engine: Dockerd, service: EvalService): Promise<Intruded> {
  const listener = createServer((connection) => connection.end()).listen(0, engine.hostAddress)
  await once(listener, 'listening')
  const setting: ActSetting = {
    hostAddress: engine.hostAddress,
    hostPort: (listener.address() as AddressInfo).port,
    neighbour: engine.hostAddress,
  }
  const acts = appActs(setting).filter(({ name }) => probes.includes(name))
  const at = await startService(engine.docker, service)
  try {
    for (const { does } of acts) await askApp(at, '/run', does.join('\n'))
    return { container: at.container.id, acts }
  } finally {
    await at.stop()
    listener.close()
  }
}

async function handOver(
  agent: Agent,
  looks: {
    readonly image: string
    readonly review: number
    readonly minutesWatched: number
    readonly intruded: Intruded
  },
): Promise<HandOver> {
  const { image, review, minutesWatched, intruded } = looks
  const listed = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
  const alerts = listed.filter(
    (alert) => `${alert.image?.repository}:${alert.image?.tag}` === image && isOwn(alert),
  )
  const inProbed = alerts.filter(
    ({ container, summary }) => container?.id === intruded.container && summary === undefined,
  )
  const told = intruded.acts.filter((act) => inProbed.some((alert) => act.alerts(alert)))
  const own = alerts.filter(({ container }) => container?.id !== intruded.container)
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const behaviours = versions[0]?.behaviours ?? 0
  return {
    review,
    alerts: own.length,
    texts: own.map(alertText),
    probes: intruded.acts.length,
    probesTold: told.map(({ name }) => name),
    minutesWatched,
    blindMinutes:
      told.length === intruded.acts.length ? 0 : blindMinutesOfRelearning(3, behaviours, rules),
  }
}

/** What no other container showed: the intruder's acts are in the delta too, and are no part of the new version. */
function onlyIn(container: string, { behaviours }: ProfileView): ReadonlySet<string> {
  const only = behaviours.filter(({ containers }) => containers.every((one) => one === container))
  return new Set(only.map(({ id }) => id))
}
