import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { SnugEvent } from '../../src/core/event/event.ts'
import type { BehaviourView, ProfileDiff, ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView, VersionView } from '../../src/api/version-views.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import type { ExplainedPod } from '../../src/kubectl/commands/explain-command.ts'
import type { NamespaceProtection } from '../../src/kubectl/commands/protection-command.ts'
import type {
  NodeIncident,
  NodeIncidentStory,
} from '../../src/kubectl/commands/incident-commands.ts'
import type { ProfileReview } from '../../src/kubectl/commands/review-command.ts'
import type { ClusterStatus } from '../../src/kubectl/commands/status-command.ts'
import { Nats } from '../fixtures/nats.ts'
import { Cluster, nodeAddress } from './cluster/cluster.ts'
import { Plugin } from './plugin.ts'
import { blindStory, removeSealed, runSealed } from './story/blind-story.ts'
import { consoleSink, consoleStory } from './story/console-story.ts'
import { Deployed } from './story/deployed.ts'
import { images, loadImages, repositories } from './story/images.ts'
import { stopStory } from './story/stop-story.ts'
import {
  containerOf,
  debug,
  firstProgram,
  namespace,
  removeShop,
  rolledOut,
  runShop,
  runTenant,
  tenant,
  report,
  type ReportedPod,
  webPods,
} from './story/workloads.ts'

/**
 * Snug deployed on a real node as an operator would: its own image, a DaemonSet without `privileged`, and a shop that it
 * learns, hands over and defends. One story: each part goes on from the one before.
 */
const { dependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { readonly dependencies: Readonly<Record<string, string>> }
const floor = '45s'
/** Answers of the service, see service.c. */
const killed = 'signal 9'
/** EPERM */
const refused = 'errno 1'
const { web: webName, tick } = repositories
/** As an operator names the profiles of the shop. */
const scoped = (name: string): string => name.replace(/(?=:|$)/, `#${namespace}`)
const web = scoped(webName)
const web1 = scoped(images.web1)
const web2 = scoped(images.web2)
let cluster: Cluster
let snug: Deployed
let plugin: Plugin
/** On this machine, which the pods of a cluster elsewhere do not reach. */
let nats: Nats | undefined
const isHere = process.env['SNUG_TEST_KUBECONFIG'] === undefined
const onlyHere = ({ skip }: TestContext): void =>
  skip(!isHere, 'pods of another cluster do not reach the stream of this machine')
const events: SnugEvent[] = []

beforeAll(async () => {
  const starting = Cluster.start({ node: true })
  const loaded = loadImages(starting)
  // One that started is stopped in the end, also where an image was not built.
  ;[cluster] = await Promise.all([starting, loaded.catch(() => undefined)])
  await loaded
  plugin = new Plugin(cluster.kubeconfig)
  if (isHere) {
    nats = await Nats.start([], {}, nodeAddress)
    await nats.makeStream()
    await nats.makeReportStream()
  }
  snug = await Deployed.on(cluster, {
    learn: { floor, ceiling: '1h', unseen: 1 },
    block: { canary: 1 },
    engines: {
      docker: { socket: 'none' },
      kubernetes: { access: 'pod', share: true, shareWithin: '2s', events: true, deleteHeld: true },
    },
    sinks: nats === undefined ? [] : [consoleSink(nats, nodeAddress)],
  })
  await snug.follow(events)
  await runShop(cluster)
  await Promise.all([runTenant(cluster), runSealed(cluster, events)])
})

afterAll(async () => {
  if (cluster === undefined) return
  plugin?.remove()
  try {
    await Promise.all([removeSealed(cluster), removeShop(cluster), snug?.remove()])
  } finally {
    await nats?.[Symbol.asyncDispose]()
    await cluster.stop()
  }
})

async function podsOf(
  image: string,
  count: number,
): Promise<readonly [ReportedPod, ...ReportedPod[]]> {
  const pods = await cluster.until(
    `${count} pods of ${image}`,
    () => webPods(cluster, image),
    (all) => all.length === count,
  )
  const [first, ...others] = pods
  if (first === undefined) throw new Error(`no pod of ${image}`)
  return [first, ...others]
}

const row = (rows: readonly BehaviourView[], text: string): BehaviourView | undefined =>
  rows.find((each) => each.text === text)

function shown(image: string, ...texts: string[]): Promise<ProfileView> {
  return snug.until<ProfileView>(['profile', 'show', scoped(image)], ({ behaviours }) =>
    texts.every((text) => row(behaviours, text) !== undefined),
  )
}

async function versionOf(image: string): Promise<VersionView> {
  const digest = await digestOf(image)
  const { versions } = await snug.json<LineageView>(['image', 'show', scoped(image)])
  const found = versions.find((each) => each.image.digest === digest)
  if (found === undefined) throw new Error(`no version ${image}`)
  return found
}

/** The digest of the image that the node reports as running. */
async function digestOf(image: string): Promise<string> {
  const [pod] = await webPods(cluster, image)
  return /sha256:[0-9a-f]{64}/.exec(pod?.status.containerStatuses?.[0]?.imageID ?? '')?.[0] ?? ''
}

async function alertsOf(good: (alerts: readonly Alert[]) => boolean): Promise<readonly Alert[]> {
  return snug.until<readonly Alert[]>(['alert', 'list', '--limit', '1000'], good)
}

/** An alert on an event of this pod's service. */
const on =
  (pod: ReportedPod, text: string, action?: Alert['action']) =>
  (alert: Alert): boolean =>
    alert.container?.id === containerOf(pod) &&
    alert.behaviour?.text === text &&
    (action === undefined || alert.action === action)

async function patch(digest: string, spec: object): Promise<void> {
  const object = `improf/${profileName({ repository: webName, digest, scope: namespace })}`
  await cluster.kubectl(['patch', object, '--type=merge', '-p', JSON.stringify({ spec })])
}

const decidedNow = (): object => ({ by: 'ann', at: new Date().toISOString() })

describe('Snug on a node', () => {
  it('runs with the rights of its manifest, which is not `privileged`, and observes', async () => {
    const { spec } = await snug.pod<AgentPod>()
    const { securityContext } = spec.containers[0]
    expect(securityContext.privileged).toBe(false)
    expect(securityContext.capabilities.add).not.toContain('SYS_ADMIN')
    const status = await snug.until<StatusView>(['status'], ({ state }) => state === 'running')
    expect(status).toMatchObject({
      degraded: [],
      sources: [{ name: 'ebpf', state: 'running' }],
      engines: [
        { name: 'kubernetes', state: 'running' },
        ...(cluster.own ? [{ name: 'nri', state: 'running' }] : []),
      ],
    })
  })

  it('carries a list of the packages in its image', async () => {
    const bom = await snug.exec(['cat', '/usr/share/snug/sbom.cdx.json'])
    const { components } = JSON.parse(bom) as { components: readonly Component[] }
    const names = components.map(({ purl }) => purl)
    for (const [name, version] of Object.entries(dependencies)) {
      expect(names).toContain(`pkg:npm/${name.replace('@', '%40')}@${version}`)
    }
    expect(names).toContainEqual(expect.stringMatching('^pkg:deb/debian/nodejs@'))
    expect(names).toContainEqual(expect.stringMatching('^pkg:generic/libbpf@1'))
    expect(names.filter((name) => name.includes('/vitest@'))).toEqual([])
  })

  it('serves page and metrics, as nobody, to a user who may forward a port', async () => {
    const { gateway } = await snug.json<StatusView>(['status'])
    expect(gateway).toMatchObject({ capabilities: 'none', noNewPrivileges: true })
    expect(gateway?.uid).toBeGreaterThan(0)
    const { at, headers } = await snug.page()
    expect((await fetch(`${at}/healthz`)).status).toBe(200)
    expect((await fetch(`${at}/metrics`)).status).toBe(401)
    const metrics = await fetch(`${at}/metrics`, { headers })
    expect(await metrics.text()).toMatch(/^snug_source_up\{source="ebpf"\} 1$/m)
    expect(await (await fetch(at, { headers })).text()).toContain('<html')
  })
})

describe('a service', () => {
  it('is learned as one version, its peers by name, and kubectl lists it', async () => {
    const pods = await podsOf(images.web1, 2)
    const database = await cluster.json<{ spec: { clusterIP: string } }>([
      '-n',
      namespace,
      'get',
      'service',
      'user-db',
    ])
    for (const pod of pods) {
      expect(await report(cluster, pod, 'serve')).toBe('ok')
      expect(await report(cluster, pod, `connect/${database.spec.clusterIP}/5432`)).toBe('ok')
    }
    await shown(images.web1, 'read /srv/greeting', 'connect to tcp user-db.shop:5432')
    const { containers, image } = await versionOf(images.web1)
    expect(image.digest).toBe(await digestOf(images.web1))
    expect(containers.running).toBe(2)
    const table = await cluster.until(
      'the profile',
      () => cluster.kubectl(['get', 'imageprofiles']),
      (text) => new RegExp(`${webName} +learning +learn +[1-9]`).test(text),
    )
    expect(table).toContain(profileName(image))
  })

  it('has a profile for each namespace: what a tenant teaches the image is in the one of the tenant', async () => {
    const [attacker] = await webPods(cluster, images.web1, tenant)
    if (attacker === undefined) throw new Error('the tenant has no pod')
    expect(await report(cluster, attacker, 'exec/bin/true')).toBe('ok')
    const theirs = `${webName}#${tenant}`
    await snug.until<ProfileView>(
      ['profile', 'show', theirs],
      ({ behaviours }) => row(behaviours, 'run /bin/true')?.state === 'learned',
    )
    const lineages = await snug.json<readonly LineageView[]>(['image', 'list'])
    const named = lineages
      .map(({ repository }) => repository)
      .filter((name) => name.startsWith(webName))
    expect(named).toEqual([web, theirs])
    expect(row((await shown(images.web1)).behaviours, 'run /bin/true')).toBeUndefined()
    await snug.exec(['snug', 'profile', 'end-learning', theirs])
  })

  it('is distinguished from its probes, its init container, and exec by kubectl', async () => {
    const [pod] = await podsOf(images.web1, 2)
    const into = ['-n', namespace, 'exec', pod.metadata.name, '-c', 'web', '--']
    await cluster.kubectl([...into, '/bin/busybox', 'cat', '/etc/of-exec'])
    await debug(cluster, pod)
    const marks = ['of-probe', 'of-init', 'of-exec', 'of-ephemeral']
    const { behaviours } = await shown(images.web1, ...marks.map((mark) => `read /etc/${mark}`))
    const of = (mark: string) => row(behaviours, `read /etc/${mark}`)
    expect(of('of-probe')).toMatchObject({ origins: ['probe'], state: 'learned' })
    expect(of('of-init')).toMatchObject({ origins: ['entrypoint'], state: 'learned' })
    expect(of('of-exec')).toMatchObject({ origins: ['exec-in'], state: 'apart' })
    expect(of('of-ephemeral')).toMatchObject({ origins: ['exec-in'], state: 'apart' })
    // The stream of events may come after the profile.
    await expect.poll(() => rolesOf('/etc/of-init')).toEqual(['init'])
    await expect.poll(() => rolesOf('/etc/of-ephemeral')).toEqual(['ephemeral'])
    await expect.poll(() => rolesOf('/srv/greeting')).toEqual(['none'])
  })

  it('alerts on a new behaviour once its window has ended, until kubectl approves it', async () => {
    const [one, two] = await podsOf(images.web1, 2)
    if (two === undefined) throw new Error('there is one pod')
    await snug.until<LineageView>(
      ['image', 'show', web],
      ({ versions }) => versions[0]?.mode === 'alert',
    )
    await report(cluster, one, 'read/etc/of-late')
    await alertsOf((alerts) => alerts.some(on(one, 'read /etc/of-late', 'alerted')))
    const late = row((await shown(images.web1)).behaviours, 'read /etc/of-late')
    expect(late?.state).toBe('pending')
    await patch(await digestOf(images.web1), {
      decisions: [{ behaviour: late?.id, action: 'approve', ...decidedNow() }],
    })
    await snug.until<ProfileView>(
      ['profile', 'show', web1],
      ({ behaviours }) => row(behaviours, 'read /etc/of-late')?.state === 'approved',
    )
    await report(cluster, two, 'read/etc/of-late')
    // The agent judges in order: once it has reported the later event, it has judged the earlier one.
    await report(cluster, two, 'read/etc/passwd')
    const alerts = await alertsOf((all) => all.some(on(two, 'read /etc/passwd')))
    expect(alerts.filter(on(two, 'read /etc/of-late'))).toEqual([])
  })

  it('alerts on an intruder in it: a program, the token of its pod, the cluster’s network', async () => {
    const [pod] = await podsOf(images.web1, 2)
    const token = '/run/secrets/kubernetes.io/serviceaccount/token'
    expect(await report(cluster, pod, 'exec/bin/true')).toBe('ok')
    expect(await report(cluster, pod, `read/var${token}`)).toBe('ok')
    await report(cluster, pod, 'connect/10.96.0.1/443')
    const alerts = await alertsOf((all) =>
      ['run /bin/true', 'connect to tcp kubernetes.default:443'].every((text) =>
        all.some(on(pod, text, 'alerted')),
      ),
    )
    const reads = alerts.filter(
      ({ event, image }) =>
        image?.repository === images.web1.split(':')[0] &&
        event.kind === 'file' &&
        event.file.path.endsWith('/token'),
    )
    expect(reads).toMatchObject([{ type: 'guardrail', container: { id: containerOf(pod) } }])
    expect(alerts.find(on(pod, 'run /bin/true'))?.reasons).toContain(
      `profiles of the same image expect it in \`${tenant}\`; this one does not`,
    )
  })

  it('is defended in mode block: programs are killed, connections refused, and it goes on', async () => {
    const [pod] = await podsOf(images.web1, 2)
    await patch(await digestOf(images.web1), { mode: { value: 'block', ...decidedNow() } })
    await snug.until<LineageView>(
      ['image', 'show', web],
      ({ versions }) => versions[0]?.mode === 'block',
    )
    expect(await report(cluster, pod, 'exec/bin/true')).toBe(killed)
    expect(await report(cluster, pod, 'connect/10.96.0.1/443')).toBe(refused)
    await alertsOf(
      (all) =>
        all.some(on(pod, 'run /bin/true', 'killed')) &&
        all.some(on(pod, 'connect to tcp kubernetes.default:443', 'blocked')),
    )
    expect(await report(cluster, pod, 'serve')).toBe('ok')
    const [other] = await webPods(cluster, images.web1, tenant)
    expect(other && (await report(cluster, other, 'exec/bin/true'))).toBe('ok')
    const { counters } = await snug.json<StatusView>(['status'])
    expect(counters['kernelDisagreements']).toBe(0)
    const pods = await podsOf(images.web1, 2)
    expect(pods.map(({ status }) => status.containerStatuses?.[0]?.restartCount)).toEqual([0, 0])
  })

  it('is shown by `kubectl snug`: its nodes, its alerts, its review, and why it is protected', async () => {
    const [pod] = await podsOf(images.web1, 2)
    const status = await plugin.json<ClusterStatus>(['status', '--ask'])
    expect(status).toMatchObject({
      uncovered: [],
      agents: [{ node: pod.spec.nodeName, ready: true, state: 'running', degraded: [] }],
    })
    expect(status.agents[0]?.openAlerts).toBeGreaterThan(0)
    // It reads what the agents publish, which comes after the change on the node.
    const { containers } = await cluster.until(
      'the protection of the pod',
      () => plugin.json<NamespaceProtection>(['show', 'protection', namespace]),
      ({ containers: all }) =>
        all.some((each) => each.pod === pod.metadata.name && each.protection === 'blocked'),
    )
    const ours = containers.filter((each) => each.pod === pod.metadata.name)
    expect(ours).toMatchObject([{ container: 'web', image: images.web1, protection: 'blocked' }])
    expect(containers.filter(({ protection }) => protection === 'none')).toEqual([])
    const explained = await plugin.json<ExplainedPod>([
      'explain',
      pod.metadata.name,
      '--namespace',
      namespace,
    ])
    expect(explained.containers[0]?.version?.mode).toBe('block')
    expect(explained.containers[0]?.alerts.some(on(pod, 'run /bin/true', 'killed'))).toBe(true)
    const killing = explained.containers[0]?.alerts.find(on(pod, 'run /bin/true', 'killed'))
    await cluster.until(
      'the Event of the alert',
      () => cluster.kubectl(['-n', namespace, 'describe', 'pod', pod.metadata.name]),
      (text) => text.includes('SnugDeviationKilled') && text.includes(`[${killing?.id}]`),
    )
    const alerts = await plugin.json<readonly Alert[]>(['alerts', '--namespace', namespace])
    expect(alerts.some(on(pod, 'run /bin/true', 'killed'))).toBe(true)
    expect(alerts.filter(({ workload }) => workload?.namespace !== namespace)).toEqual([])
    const of = ['--namespace', namespace]
    const incidents = await plugin.json<readonly NodeIncident[]>(['incident', 'list', ...of])
    const [incident] = incidents
    expect(incident?.node).toBe(pod.spec.nodeName)
    const show = ['incident', 'show', incident?.id ?? '']
    const stories = await plugin.json<readonly NodeIncidentStory[]>(show)
    expect(stories).toMatchObject([{ id: incident?.id, node: pod.spec.nodeName }])
    expect(await plugin.run(['incident', 'show', 'none'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('INCIDENT_UNKNOWN'),
    })
    const reviews = await plugin.json<readonly ProfileReview[]>([
      'review',
      '--namespace',
      namespace,
    ])
    const waits = reviews.find(({ image }) => image.repository === webName)?.behaviours ?? []
    expect(row(waits, 'connect to tcp kubernetes.default:443')?.state).toBe('pending')
    const { code, stderr } = await plugin.run(['explain', 'no-such-pod', '-n', namespace])
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching('POD_UNKNOWN'),
    })
  })

  it('is defended from the first program of a new pod on', async ({ skip }) => {
    if (!cluster.own)
      skip('a node of another cluster need not have the runtime’s interface for that')
    const forbidden = ['first-1', 'first-2', 'first-3'].map((name) =>
      firstProgram(cluster, { name, image: images.web1, command: ['/bin/true'] }),
    )
    expect(await Promise.all(forbidden)).toEqual(['Failed', 'Failed', 'Failed'])
    const elsewhere = { name: 'first', image: images.web1, command: ['/bin/true'], within: tenant }
    expect(await firstProgram(cluster, elsewhere)).toBe('Succeeded')
  })

  it('is defended while no agent runs too, and the next agent reports the attempts', async () => {
    const [pod] = await podsOf(images.web1, 2)
    const attempts = async (): Promise<number> => {
      const alerts = await snug.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])
      const killings = alerts.filter(on(pod, 'run /bin/true', 'killed'))
      return killings.reduce((sum, { count }) => sum + count, 0)
    }
    const reported = (count: number): Promise<number> =>
      cluster.until(`${count} attempts`, attempts, (found) => found === count)
    const before = await attempts()
    await snug.stay(true)
    expect(await report(cluster, pod, 'exec/bin/true')).toBe(killed)
    expect(await report(cluster, pod, 'connect/10.96.0.1/443')).toBe(refused)
    expect(await report(cluster, pod, 'serve')).toBe('ok')
    await snug.stay(false)
    await snug.follow(events)
    const { sources } = await snug.json<StatusView>(['status'])
    expect(sources[0]?.facts['kernel-state.kept']).toMatch(/^yes/)
    await reported(before + 1)
    expect(await report(cluster, pod, 'exec/bin/true')).toBe(killed)
    await reported(before + 2)
    // The programs that the last agent left saw this one come: it is not an image like others.
    const alerts = await snug.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])
    expect(alerts.filter(({ image }) => image?.repository === repositories.snug)).toEqual([])
    expect(await report(cluster, pod, 'serve')).toBe('ok')
  })
})

describe('a rollout', () => {
  it('inherits its profile: learned behaviour stays learned, a new file is explained, other deviations are reported', async () => {
    // The first new pod is waited for, and the old ones stay meanwhile.
    await deployment({ spec: { minReadySeconds: 3_600, progressDeadlineSeconds: 7_200 } })
    const change = ['set', 'image', 'deploy/web', `web=${images.web2}`, `prepare=${images.web2}`]
    await cluster.kubectl(['-n', namespace, ...change])
    const [pod] = await podsOf(images.web2, 1)
    expect(await report(cluster, pod, 'serve')).toBe('ok')
    expect(await report(cluster, pod, 'read/etc/passwd')).toBe('ok')
    const alerts = await alertsOf((all) => all.some(on(pod, 'read /etc/passwd')))
    expect(alerts.filter(on(pod, 'read /srv/greeting'))).toEqual([])
    expect(alerts.filter(on(pod, 'read /srv/price'))).toEqual([])
    const [old, now] = [await versionOf(images.web1), await versionOf(images.web2)]
    expect(now).toMatchObject({ state: 'learning', predecessor: old.image.digest })
    const { added } = await snug.json<ProfileDiff>(['profile', 'diff', web1, web2])
    // The runtime does not report the layers of both images: the agent reads them from containerd's processes.
    const price = added.find(({ text }) => text === 'read /srv/price')
    expect(price?.explained).toMatch(/new layer \d+ of \d+/)
    expect(added.map(({ text }) => text)).not.toContain('read /srv/greeting')
  })

  it('has both versions judged, each by its own profile', async () => {
    const [old] = await podsOf(images.web1, 2)
    const [now] = await podsOf(images.web2, 1)
    expect(await report(cluster, old, 'exec/bin/true')).toBe(killed)
    expect(await report(cluster, now, 'exec/bin/true')).toBe('ok')
    const alerts = await alertsOf((all) => all.some(on(now, 'run /bin/true', 'alerted')))
    const { image } = await versionOf(images.web2)
    expect(alerts.find(on(now, 'run /bin/true'))?.image?.digest).toBe(image.digest)
  })

  it('that is undone learns nothing, and is defended as before', async () => {
    const before = await settled()
    await deployment({ spec: { minReadySeconds: 0, progressDeadlineSeconds: 600 } })
    await rolledOut(cluster, 'web')
    await podsOf(images.web2, 2)
    await cluster.kubectl(['-n', namespace, 'rollout', 'undo', 'deploy/web'])
    await rolledOut(cluster, 'web')
    const [pod] = await podsOf(images.web1, 2)
    expect(await report(cluster, pod, 'serve')).toBe('ok')
    expect(await report(cluster, pod, 'exec/bin/true')).toBe(killed)
    await alertsOf((all) => all.some(on(pod, 'run /bin/true', 'killed')))
    expect(await settled()).toEqual(before)
    const { versions } = await snug.json<LineageView>(['image', 'show', web])
    expect(versions).toHaveLength(2)
  })

  /** The state that a rollback must not change. */
  async function settled(): Promise<object> {
    const { versions } = await snug.json<LineageView>(['image', 'show', web])
    const found = versions.find(({ mode }) => mode === 'block')
    const ref = `${web}@${found?.image.digest}`
    const { behaviours } = await snug.json<ProfileView>(['profile', 'show', ref])
    return {
      state: found?.state,
      learnedAt: found?.learnedAt,
      learned: behaviours.filter(({ state }) => state === 'learned').map(({ id }) => id),
    }
  }

  async function deployment(change: object): Promise<void> {
    const args = ['patch', 'deploy/web', '-p', JSON.stringify(change)]
    await cluster.kubectl(['-n', namespace, ...args])
  }
})

describe('an image whose pods run on two runtimes of the node', () => {
  blindStory(() => ({ cluster, snug, plugin }))
})

describe('the console of the fleet', () => {
  beforeEach(onlyHere)

  consoleStory(() => {
    if (nats === undefined) throw new Error('there is no stream of alerts')
    return { cluster, snug, nats }
  })
})

describe('a CronJob', () => {
  it('is one version over its runs', async () => {
    const text = 'read /etc/of-job'
    const { versions } = await snug.until<LineageView>(
      ['image', 'show', tick],
      (view) => (view.versions[0]?.containers.seen ?? 0) >= 2,
    )
    expect(versions).toHaveLength(1)
    const { behaviours } = await snug.until<ProfileView>(
      ['profile', 'show', images.tick],
      (view) => (row(view.behaviours, text)?.containers.length ?? 0) >= 2,
    )
    expect(row(behaviours, text)).toMatchObject({ origins: ['entrypoint'], state: 'learned' })
    const workloads = (): readonly string[] =>
      events.flatMap((event) =>
        event.kind !== 'loss' && event.image?.repository === tick
          ? [`${event.workload?.kind} ${event.workload?.name}`]
          : [],
      )
    await expect.poll(() => [...new Set(workloads())]).toEqual(['CronJob tick'])
    const alerts = await snug.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])
    // What a crowded machine loses is on record as a loss.
    const isOfJob = ({ image, type }: Alert): boolean =>
      image?.repository === tick && type !== 'loss'
    expect(alerts.filter(isOfJob)).toEqual([])
  })
})

describe('a pod in quarantine', () => {
  stopStory(() => ({ cluster, snug }))
})

describe('the end of Snug on a cluster', () => {
  it('leaves nothing in the kernel: a program that was killed runs again', async () => {
    const [pod] = await podsOf(images.web1, 2)
    await snug.stay(true)
    expect(await report(cluster, pod, 'exec/bin/true')).toBe(killed)
    await snug.detach()
    expect(await report(cluster, pod, 'exec/bin/true')).toBe('ok')
    expect(await report(cluster, pod, 'connect/10.96.0.1/443')).toBe('ok')
  })
})

interface Component {
  readonly purl: string
}

interface AgentPod {
  readonly spec: {
    readonly containers: readonly [
      {
        readonly securityContext: {
          readonly privileged: boolean
          readonly capabilities: { readonly add: readonly string[] }
        }
      },
    ]
  }
}

/** Of the containers that were seen reading a file. */
function rolesOf(path: string): readonly string[] {
  const read = events.filter((event) => event.kind === 'file' && event.file.path === path)
  return [...new Set(read.map(({ container }) => container?.role ?? 'none'))]
}
