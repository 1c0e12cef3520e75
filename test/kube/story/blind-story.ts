import { beforeEach, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { SnugEvent } from '../../../src/core/event/event.ts'
import type { ProfileView } from '../../../src/api/profile-views.ts'
import type { StatusView } from '../../../src/api/status-views.ts'
import type { LineageView } from '../../../src/api/version-views.ts'
import type { NamespaceProtection } from '../../../src/kubectl/commands/protection-command.ts'
import { kubectlPatience } from '../../fixtures/patience.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Plugin } from '../plugin.ts'
import type { Deployed } from './deployed.ts'
import { images, repositories } from './images.ts'
import { namespace as shop } from './workloads.ts'

/** Runs the image of the shop's database on both runtimes of the node, and nothing else. */
const namespace = 'sealed'
/** Its name says nothing: its handler does. */
const runtimeClass = 'untrusted'
const handler = 'runsc'
/**
 * The pods by their names. The runtime of one has the name of gVisor and starts runc: so the kernel of the node sees what
 * must not be learned.
 */
const [hidden, open] = ['hidden', 'open'] as const
/** What the profile of each version of that image is named after. */
const lineage = (within: string): string => `${repositories.db}#${within}`
/** The window of the shop is shorter. */
const longerThanWindowMs = 60_000

/** As views give it. */
export const blindBecause = `the runtime \`${handler}\` has its own kernel`

export interface BlindWorld {
  readonly cluster: Cluster
  readonly snug: Deployed
  readonly plugin: Plugin
}

const podOf = (name: string, within: string, reads: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: within },
  spec: {
    ...(name === hidden ? { runtimeClassName: runtimeClass } : {}),
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'db',
        image: images.db,
        command: [
          '/bin/sh',
          '-c',
          `while /bin/busybox cat ${reads}; do /bin/busybox sleep 1; done`,
        ],
      },
    ],
  },
})

async function ready(cluster: Cluster, within: string, ...names: string[]): Promise<void> {
  const pods = names.map((name) => `pod/${name}`)
  await cluster.kubectl(['-n', within, 'wait', '--for=condition=Ready', ...pods, kubectlPatience])
}

interface StartedPod {
  readonly status: {
    readonly containerStatuses: readonly [
      { readonly state: { readonly running: { readonly startedAt: string } } },
    ]
  }
}

/** @param events of the agent, as they come */
export async function runSealed(cluster: Cluster, events: readonly SnugEvent[]): Promise<void> {
  if (!cluster.own) return
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: runtimeClass },
      handler,
    },
  )
  await cluster.apply(
    podOf(hidden, namespace, '/etc/of-late'),
    podOf(open, namespace, '/etc/of-job'),
  )
  const reported = await cluster.until(
    'the loss that a blind pod is',
    () => Promise.resolve(events.find(isBlindPod)),
    (found) => found !== undefined,
  )
  const atMs = Date.now()
  await ready(cluster, namespace, hidden, open)
  const { status } = await cluster.json<StartedPod>(['-n', namespace, 'get', 'pod', hidden])
  const { startedAt } = status.containerStatuses[0].state.running
  const afterMs = atMs - Date.parse(reported?.time ?? '')
  console.info(
    `a pod of the runtime class is reported as blind within ${afterMs} ms of its first cgroup;` +
      ` the kubelet has it as started ${(Date.parse(startedAt) - atMs) / 1_000} s later`,
  )
}

const isBlind = (event: SnugEvent): boolean =>
  event.kind === 'loss' && event.loss.reason === 'container-blind'

const isBlindPod = (event: SnugEvent): boolean =>
  isBlind(event) && event.container?.name === `${hidden}/db`

export async function removeHidden(cluster: Cluster, within: string): Promise<void> {
  const pod = ['delete', 'pod', hidden, '--ignore-not-found', kubectlPatience]
  await cluster.kubectl(['-n', within, ...pod])
}

export async function removeSealed(cluster: Cluster): Promise<void> {
  if (!cluster.own) return
  const gone = ['--ignore-not-found', kubectlPatience]
  await cluster.kubectl(['delete', `runtimeclass/${runtimeClass}`, ...gone])
  await cluster.kubectl(['delete', 'namespace', namespace, ...gone])
}

/** Part of the story of deployment.test.ts: one image on two runtimes of the node, after a window. */
export function blindStory(world: () => BlindWorld): void {
  beforeEach(({ skip }) =>
    skip(!world().cluster.own, 'a node of another cluster need not have a runtime of that name'),
  )

  it('is learned from its pod on the kernel of the node alone, and the other one keeps its window open', async () => {
    const { snug } = world()
    await snug.until<LineageView>(
      ['image', 'show', lineage(shop)],
      ({ versions }) => versions[0]?.mode === 'alert',
    )
    const { versions } = await snug.until<LineageView>(
      ['image', 'show', lineage(namespace)],
      (view) => (view.versions[0]?.evidence?.observedMs ?? 0) > longerThanWindowMs,
    )
    expect(versions).toMatchObject([
      {
        state: 'learning',
        mode: 'learn',
        blind: { running: 1, of: 2, reasons: [blindBecause] },
        because: expect.stringContaining('1 of 2 running containers is blind'),
      },
    ])
    expect(versions[0]?.learnedAt).toBeUndefined()
    const ref = `${lineage(namespace)}:1`
    const { behaviours } = await snug.json<ProfileView>(['profile', 'show', ref])
    const texts = behaviours.map(({ text }) => text)
    expect(texts).toContain('read /etc/of-job')
    expect(texts.filter((text) => /of-late|runsc|gofer/.test(text))).toEqual([])
    await expect(snug.exec(['snug', 'profile', 'mode', ref, 'block'])).rejects.toThrow('MODE_BLIND')
  })

  it('has a blind pod in the status, the metrics and `kubectl snug`, and a loss of each container', async () => {
    const { snug, plugin } = world()
    const { containers, blindImages = [] } = await snug.json<StatusView>(['status'])
    const ours = blindImages.filter(({ image }) => image.scope === namespace)
    const repositoriesOf = ours.map(({ image }) => image.repository)
    expect(repositoriesOf.sort()).toEqual(['kubernetes/pod-sandbox', repositories.db])
    expect(ours.map(({ running, of }) => ({ running, of }))).toEqual([
      { running: 1, of: 2 },
      { running: 1, of: 2 },
    ])
    expect(containers.blind).toBe(2)
    const { at, headers } = await snug.page()
    const metrics = await (await fetch(`${at}/metrics`, { headers })).text()
    expect(metrics).toMatch(/^snug_containers\{set="blind"\} 2$/m)
    const shown = await plugin.json<NamespaceProtection>(['show', 'protection', namespace], 1)
    const protections = shown.containers.map(({ pod, protection, because }) => ({
      pod,
      protection,
      because,
    }))
    expect(protections).toEqual(
      expect.arrayContaining([
        { pod: hidden, protection: 'none', because: `it is blind: ${blindBecause}` },
        expect.objectContaining({ pod: open, protection: 'learned' }),
      ]),
    )
    const alerts = await snug.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])
    const within = alerts.filter(({ image }) => image?.scope === namespace)
    // An act that a busy node lost is a loss too, of another reason.
    expect(within.filter(({ type }) => type !== 'loss')).toEqual([])
    const blind = within.map(({ event }) => event).filter(isBlind)
    const blindRepositories = blind.map(({ image }) => image?.repository ?? '')
    expect(blindRepositories.sort()).toEqual(['kubernetes/pod-sandbox', repositories.db])
    const blindContainers = new Set(blind.map(({ container }) => container?.id))
    expect(blindContainers.size).toBe(2)
  })

  it('is not shown as enforced where a pod of a learned version starts on that runtime', async () => {
    const { cluster, snug } = world()
    const enforced = await snug.until<LineageView>(
      ['image', 'show', lineage(shop)],
      ({ versions }) => versions[0]?.state === 'enforced',
    )
    expect(enforced.versions[0]?.blind).toBeUndefined()
    await cluster.apply(podOf(hidden, shop, '/etc/of-late'))
    await ready(cluster, shop, hidden)
    const { versions } = await snug.until<LineageView>(
      ['image', 'show', lineage(shop)],
      (view) => view.versions[0]?.blind !== undefined,
    )
    expect(versions).toMatchObject([
      {
        state: 'incomplete',
        mode: 'alert',
        blind: { running: 1, of: 2, reasons: [blindBecause] },
      },
    ])
  })
}
