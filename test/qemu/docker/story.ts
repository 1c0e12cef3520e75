import { readFileSync, writeFileSync } from 'node:fs'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { StatusView } from '../../../src/api/status-views.ts'
import { startAgent } from '../../fixtures/agent.ts'
import { type Dockerd, startDockerd } from '../../fixtures/dockerd.ts'
import {
  bypassImage,
  bypassPart,
  type BypassStory,
  learnBypass,
  makeBypassImage,
} from './bypass-part.ts'
import {
  intrude,
  type Intrusion,
  loadPart,
  type LoadStory,
  startAttacked,
  workOf,
} from './intruder-part.ts'
import { importServices, redisImage, webImage } from './images.ts'
import { block, type Setting } from './setting.ts'
import {
  firstVersion,
  learnVersion,
  makeVersions,
  versionPart,
  type VersionStory,
} from './version-part.ts'

/** What happened in the machine; the test on the outside judges it. */
export interface Story {
  readonly bypass: BypassStory
  readonly load: LoadStory
  /** The same attacks in mode alert, where they have their effect, and in mode block. */
  readonly alerting: Intrusion
  readonly blocking: Intrusion
  readonly versions: VersionStory
  readonly stops: StatusView['stops']
  /** What the sensor says about its hooks. */
  readonly facts: Readonly<Record<string, string>>
  readonly counters: StatusView['counters']
  readonly degraded: StatusView['degraded']
  readonly alerts: readonly {
    readonly action: Alert['action']
    readonly container?: string | undefined
  }[]
}

const images = [bypassImage, redisImage, webImage, firstVersion]

/**
 * Containers of Docker are learned; then an intruder attacks one of them in mode alert; then all block, work as they
 * did, and are attacked. `program`: `bypass-acts.c`, compiled; `services`: see `packServices`.
 */
export async function story(program: string, services: string): Promise<Story> {
  const engine = await startDockerd()
  try {
    said('images')
    await makeBypassImage(engine.docker, program)
    await importServices(engine.docker, services)
    await makeVersions(engine.docker)
    return await played(engine)
  } finally {
    await engine.stop()
  }
}

const blockConfig = { canary: 1, budget: 1_000_000 }

async function played({ docker, socket, hostAddress }: Dockerd): Promise<Story> {
  said('a new agent')
  await using agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '1h', ceiling: '7d', unseen: 1 }, block: blockConfig },
  })
  const setting = { docker, agent }
  const place = { socket, folder: agent.folder, hostAddress }
  said('learning')
  const service = await learnBypass(docker)
  const attacked = await startAttacked(docker, place)
  said('work')
  await workOf(attacked)
  const first = await learnVersion(docker, setting)

  said('mode alert')
  await endLearning(setting)
  const alerting = await intrude(setting, attacked, hostAddress)
  await attacked.stop()

  said('mode block')
  for (const image of images) await block(setting, image)
  const again = await startAttacked(docker, place)
  const load = await loadPart(setting, again)
  said('attacks')
  const bypass = await bypassPart(setting, service)
  said('the intruder again')
  const blocking = await intrude(setting, again, hostAddress)
  await again.stop()
  said('versions')
  const versions = await versionPart(setting, first)
  const { stops, counters, degraded, sources } = await agent.json<StatusView>(['status'])
  const alerts = await agent.json<Alert[]>(['alert', 'list'])
  return {
    bypass,
    load,
    alerting,
    blocking,
    versions,
    stops,
    facts: Object.assign({}, ...sources.map(({ facts }) => facts)) as Story['facts'],
    counters,
    degraded,
    alerts: alerts.map(({ action, container }) => ({ action, container: container?.id })),
  }
}

/** An operator's word, and no further hour in mode alert. */
async function endLearning({ agent }: Setting): Promise<void> {
  for (const image of images) await agent.json(['profile', 'mode', image, 'alert'])
  const config = JSON.parse(readFileSync(agent.config, 'utf8')) as object
  const learn = { floor: '1s', ceiling: '7d', unseen: 1 }
  writeFileSync(agent.config, JSON.stringify({ ...config, learn }))
  process.kill(agent.pid, 'SIGHUP')
}

/** On standard error, for people. */
function said(part: string): void {
  console.error(`story: ${part}`)
}
