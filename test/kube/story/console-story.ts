import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { ProfileView } from '../../../src/api/profile-views.ts'
import type { AuditView } from '../../../src/api/review-views.ts'
import type { FleetHold } from '../../../src/api/hold-views.ts'
import type {
  FleetAlertRow,
  FleetAlerts,
  FleetImageDetail,
  FleetImageRow,
  FleetImages,
  FleetNodes,
  FleetWindow,
} from '../../../src/console/reading/views.ts'
import type { ImageProfile } from '../../../src/fleet/kubernetes/fleet-objects.ts'
import type { Nats } from '../../fixtures/nats.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConsoleClient } from './console-client.ts'
import { blindBecause, removeHidden } from './blind-story.ts'
import { ConsoleLoad } from './console-load.ts'
import { type ConsolePod, DeployedConsole } from './deployed-console.ts'
import type { Deployed } from './deployed.ts'
import { images, repositories } from './images.ts'
import { containerOf, namespace, report, type ReportedPod, webPods } from './workloads.ts'
import { patienceMs } from '../../fixtures/patience.ts'

/** The parts of a cluster whose agents send their alerts to the stream. */
export interface ConsoleWorld {
  readonly cluster: Cluster
  readonly snug: Deployed
  readonly nats: Nats
}

/** The sink of an agent, as docs/console.md has it. */
export function consoleSink({ port, subject, reports }: Nats, address: string): object {
  return {
    name: 'console',
    type: 'nats',
    servers: [`${address}:${port}`],
    subject,
    only: { severity: 'low' },
    storms: 'each',
    reports: { subject: reports, every: '1s' },
  }
}

const rita = 'console:token:rita'
/** Answers of the service, see service.c. */
const killed = 'signal 9'
/** Rounds of a rejection and an approval. */
const rounds = 5

/** Part of the story of deployment.test.ts: `snug console` as pods, while a version of the shop is in block mode. */
export function consoleStory(world: () => ConsoleWorld): void {
  let deployed: DeployedConsole
  let attacked: ReportedPod
  /** Of the ImageProfile of the attacked version. */
  let profile: string

  beforeAll(async () => {
    const { cluster, nats } = world()
    const began = performance.now()
    deployed = await DeployedConsole.on(cluster, nats)
    console.info(`two replicas are ready after ${took(began)}`)
    const [pod] = await webPods(cluster, images.web1)
    if (pod === undefined) throw new Error(`no pod of ${images.web1}`)
    attacked = pod
    const name = await profileOf(repositories.web)
    if (name === undefined) throw new Error('the console has no image of the shop')
    profile = name
  })
  afterAll(() => deployed?.[Symbol.dispose]())

  const replicas = async (): Promise<readonly [ConsolePod, ConsolePod]> => {
    const [one, two, ...more] = await deployed.pods()
    if (one === undefined || two === undefined || more.length > 0)
      throw new Error(`${[one, two, ...more].length} replicas`)
    return [one, two]
  }

  /** Name of the ImageProfile of a version in the shop, the one in block mode where there are several. */
  async function profileOf(repository: string): Promise<string | undefined> {
    const { rows } = await deployed.service.get<FleetImages>('/v1/fleet/images?limit=500')
    const ours = rows.filter(({ lineage }) => lineage === `${repository}#${namespace}`)
    return (ours.find(({ mode }) => mode === 'block') ?? ours[0])?.name
  }

  /** Sends what a person decides after reading the image. Resolves with the time of the answer. */
  async function decide(what: 'approve' | 'reject', id: string): Promise<number> {
    const path = `/v1/fleet/images/${profile}`
    const { revision } = await deployed.service.get<FleetImageDetail>(path)
    const { status, body } = await deployed.service.ask(`${path}/${what}`, {
      as: 'reviewer',
      method: 'POST',
      headers: { 'if-match': `"${revision}"` },
      body: { behaviours: [id] },
    })
    expect(status, JSON.stringify(body)).toBe(200)
    return performance.now()
  }

  /** Runs the program in the attacked pod until that comes out as expected. Resolves with the time of the last run. */
  async function untilRuns(expected: string): Promise<number> {
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; ) {
      const answer = await fetch(`http://${attacked.status.podIP}:8080/exec/bin/true`)
      if ((await answer.text()).trim() === expected) return performance.now()
      await delay(10)
    }
    throw new Error(`the program does not come out as \`${expected}\``)
  }

  it('runs twice behind one Service, without rights on the node', async () => {
    const pods = await replicas()
    const addresses = pods.map(({ status }) => status.podIP)
    expect(new Set(await deployed.endpoints())).toEqual(new Set(addresses))
    for (const pod of pods) {
      expect((await deployed.replica(pod).ask('/readyz')).status).toBe(200)
      const status = await deployed.statusOf(pod)
      expect(status).toMatchObject({
        Uid: '65532\t65532\t65532\t65532',
        CapEff: '0000000000000000',
        CapBnd: '0000000000000000',
        NoNewPrivs: '1',
        Seccomp: '2',
      })
      for (const path of ['/at-root', '/etc/snug/console/x', '/opt/snug/x'])
        await expect(deployed.exec(pod, ['touch', path])).rejects.toThrow('Read-only file system')
      console.info(`a replica has ${status['VmRSS']} in memory, at most ${status['VmHWM']}`)
    }
  })

  it('has on both replicas the alerts of an attack, and the report of the agent', async () => {
    const { cluster } = world()
    expect(await report(cluster, attacked, 'exec/bin/true')).toBe(killed)
    for (const pod of await replicas()) {
      const replica = deployed.replica(pod)
      await expect.poll(() => hasAttack(replica)).toBe(true)
      await expect
        .poll(async () => (await replica.get<FleetNodes>('/v1/fleet/nodes')).rows)
        .toMatchObject([{ node: attacked.spec.nodeName, state: 'working' }])
    }
  })

  /** Whether a program was killed in the attacked pod, by the whole alerts. */
  async function hasAttack(replica: ConsoleClient): Promise<boolean> {
    const rows = (await alertsOf(replica)).filter(
      ({ text, action }) => text === 'run /bin/true' && action === 'killed',
    )
    const alerts = rows.map(({ seq }) => replica.get<Alert>(`/v1/fleet/alerts/${seq}`))
    const id = containerOf(attacked)
    return (await Promise.all(alerts)).some(({ container }) => container?.id === id)
  }

  it('shows an image with a blind container as incomplete, and its node, until that has ended', async ({
    skip,
  }) => {
    const { cluster } = world()
    if (!cluster.own) skip('no pod of another cluster is blind')
    const shown = async (): Promise<{ state: string; blind: FleetImageRow['blind'] }> => {
      const { rows } = await deployed.service.get<FleetImages>('/v1/fleet/images?limit=500')
      const row = rows.find(({ lineage }) => lineage === `${repositories.db}#${namespace}`)
      return { state: row?.state ?? 'none', blind: row?.blind }
    }
    const blindOnNode = async (): Promise<number | undefined> =>
      (await deployed.service.get<FleetNodes>('/v1/fleet/nodes')).rows[0]?.blindContainers
    const blind = { running: 1, nodes: 1, reasons: [blindBecause] }
    await expect.poll(shown).toEqual({ state: 'incomplete', blind })
    // Two pods, each with its sandbox.
    await expect.poll(blindOnNode).toBe(4)
    await removeHidden(cluster, namespace)
    await expect.poll(shown).toEqual({ state: 'enforced', blind: undefined })
    await expect.poll(blindOnNode).toBe(2)
  })

  it('makes a decision for the cluster, which is in the kernel of the node soon', async () => {
    const { cluster, snug } = world()
    const version = images.web1.replace(':', `#${namespace}:`)
    const { behaviours } = await snug.json<ProfileView>(['profile', 'show', version])
    const id = behaviours.find(({ text }) => text === 'run /bin/true')?.id ?? ''
    const late: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const approved = await decide('approve', id)
      late.push((await untilRuns('ok')) - approved)
      const rejected = await decide('reject', id)
      late.push((await untilRuns(killed)) - rejected)
    }
    const sorted = late.map(Math.round).sort((a, b) => a - b)
    console.info(`from the answer of the console to the kernel, in ms: ${sorted.join(' ')}`)
    const { spec } = await cluster.json<ImageProfile>(['get', 'improf', profile])
    const stands = spec.decisions?.find(({ behaviour }) => behaviour === id)
    expect(stands).toMatchObject({ action: 'reject', by: rita })
    const entries = await snug.json<readonly AuditView[]>(['audit', 'list'])
    const ours = entries.filter(({ who }) => who === `spec:${rita}`).map(({ what }) => what)
    expect(ours).toHaveLength(2 * rounds)
  })

  it('holds the pod of an alert for the cluster: no packet leaves it, its replica goes on, a release restores it', async () => {
    const { cluster } = world()
    const other = (await webPods(cluster, images.web1)).find(
      ({ metadata }) => metadata.name !== attacked.metadata.name,
    )
    if (other === undefined) throw new Error('the attacked pod has no replica')
    const rows = await alertsOf(deployed.service)
    const alerts = rows.map(({ seq }) => seq)
    const seq = await firstOf(alerts, async (each) => {
      const { container } = await deployed.service.get<Alert>(`/v1/fleet/alerts/${each}`)
      return container?.id === containerOf(attacked)
    })
    const { status, body } = await deployed.service.ask<FleetImageDetail>(
      `/v1/fleet/alerts/${seq}/hold`,
      { as: 'admin', method: 'POST', body: { reason: 'a web shell' } },
    )
    expect(status, JSON.stringify(body)).toBe(200)
    const node = attacked.spec.nodeName
    await expect
      .poll(async () => (await holds())[0]?.nodes)
      .toEqual([{ node, containers: 1, held: 1 }])
    const [hold] = await holds()
    const pod = `${namespace}/${attacked.metadata.name}`
    expect(hold).toMatchObject({ pod, level: 'network', reason: 'a web shell' })
    expect(await answers(attacked)).toBe(false)
    expect(await answers(other)).toBe(true)
    const released = await deployed.service.ask(`/v1/fleet/images/${hold?.profile}/release-hold`, {
      as: 'admin',
      method: 'POST',
      body: { id: hold?.id },
    })
    expect(released.status, JSON.stringify(released.body)).toBe(200)
    await expect.poll(() => answers(attacked)).toBe(true)
    await expect.poll(holds).toEqual([])
    await expect.poll(eventsOfHolds).toEqual(new Set(['SnugHeld', 'SnugReleased']))
  })

  /** On the attacked pod. */
  async function eventsOfHolds(): Promise<ReadonlySet<string>> {
    const select = `involvedObject.name=${attacked.metadata.name}`
    const args = ['-n', namespace, 'get', 'events', '--field-selector', select]
    const { items } = await world().cluster.json<{
      readonly items: readonly { readonly reason: string }[]
    }>(args)
    const reasons = items.map(({ reason }) => reason)
    return new Set(reasons.filter((each) => /^Snug(Held|Released)$/.test(each)))
  }

  async function holds(): Promise<readonly FleetHold[]> {
    const path = '/v1/fleet/holds'
    return (await deployed.service.get<FleetWindow<FleetHold>>(path)).rows
  }

  it('loses no decision that it confirmed where replicas end, and readers go on', async () => {
    const { cluster } = world()
    const name = await profileOf(repositories.db)
    if (name === undefined) throw new Error('the console has no image of the database')
    const load = new ConsoleLoad(deployed.service, name)
    try {
      await load.answers(20)
      const drained = await servingReplica()
      await deployed.remove(drained)
      await replaced(drained)
      await load.answers(20)
      const gone = await servingReplica()
      await deployed.kill(gone)
      await replaced(gone)
      await load.answers(20)
    } finally {
      await load.end()
    }
    console.info(load.summary)
    expect([...new Set(load.refused)]).toEqual([])
    const { spec } = await cluster.json<ImageProfile>(['get', 'improf', name])
    const stands = new Set(spec.decisions?.map(({ behaviour }) => behaviour))
    expect(load.confirmed.filter((id) => !stands.has(id))).toEqual([])
    const [one, two] = await replicas()
    for (const pod of [one, two])
      await expect.poll(() => decidedAt(deployed.replica(pod), name)).toEqual(stands)
    const idsAt = async (pod: ConsolePod): Promise<readonly string[]> =>
      (await alertsOf(deployed.replica(pod))).map(({ id }) => id)
    await expect.poll(() => idsAt(two)).toEqual(await idsAt(one))

    /** Resolves once that replica is gone, and two are ready. */
    async function replaced({ metadata: { name: ended } }: ConsolePod): Promise<void> {
      const began = performance.now()
      await cluster.until(
        `a replica in place of ${ended}`,
        () => deployed.allPods(),
        (pods) =>
          pods.filter(isReady).length === 2 &&
          pods.every(({ metadata }) => metadata.name !== ended),
      )
      console.info(`a new replica is ready after ${took(began)}`)
    }
  })

  /** The replica that the Service leads this machine to: it alone has the session. */
  async function servingReplica(): Promise<ConsolePod> {
    const token = deployed.tokens.viewer
    const { status: begun, cookie = '' } = await deployed.service.ask('/v1/session', {
      method: 'POST',
      body: { token },
    })
    expect(begun).toBe(200)
    const found: ConsolePod[] = []
    for (const pod of await replicas()) {
      const how = { headers: { cookie } }
      const { status } = await deployed.replica(pod).ask('/v1/session', how)
      if (status === 200) found.push(pod)
    }
    const [serving] = found
    if (serving === undefined || found.length > 1)
      throw new Error(`${found.length} replicas have the session`)
    return serving
  }
}

/** A pod of this node answers within milliseconds. */
const answerMs = 3_000

async function answers({ status: { podIP } }: ReportedPod): Promise<boolean> {
  const signal = AbortSignal.timeout(answerMs)
  return fetch(`http://${podIP}:8080/`, { signal }).then(
    () => true,
    () => false,
  )
}

async function firstOf(
  all: readonly number[],
  isIt: (each: number) => Promise<boolean>,
): Promise<number> {
  for (const each of all) if (await isIt(each)) return each
  throw new Error('no alert is about the attacked pod')
}

const took = (began: number): string => `${((performance.now() - began) / 1_000).toFixed(1)} s`

const isReady = ({ status }: ConsolePod): boolean => status.containerStatuses?.[0]?.ready === true

async function decidedAt(replica: ConsoleClient, name: string): Promise<ReadonlySet<string>> {
  const { decisions } = await replica.get<FleetImageDetail>(`/v1/fleet/images/${name}`)
  return new Set(decisions.flatMap(({ id }) => id ?? []))
}

/** All that a replica has, newest first. */
async function alertsOf(replica: ConsoleClient): Promise<readonly FleetAlertRow[]> {
  const found: FleetAlertRow[] = []
  let next: string | undefined
  do {
    const from = next === undefined ? '' : `&next=${next}`
    const page = await replica.get<FleetAlerts>(`/v1/fleet/alerts?limit=500${from}`)
    found.push(...page.rows)
    ;({ next } = page)
  } while (next !== undefined)
  return found
}
