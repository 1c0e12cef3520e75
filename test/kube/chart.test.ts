import { kubectlPatience } from '../fixtures/patience.ts'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import {
  type BehaviourObject,
  behaviourId,
  behaviourKey,
} from '../../src/core/behaviour/behaviour.ts'
import { imageKey } from '../../src/core/event/image-key.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import {
  fleetRoot,
  type ImageProfile,
  type ProfileSlice,
} from '../../src/fleet/kubernetes/fleet-objects.ts'
import type { ExportFormat } from '../../src/supplychain/export/export-profile.ts'
import { exportProfile } from '../fixtures/without-pauses.ts'
import { type Manifest, manifestsIn, renderChart } from '../fixtures/chart.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { formatFixtures } from '../fixtures/formats/kept.ts'
import { kustomized } from '../fixtures/kustomized.ts'
import { Cluster } from './cluster/cluster.ts'
import { FleetNode, installKinds } from './fleet-node.ts'

/** Checks the manifests that ship against a real API server, which validates each field and its values. */
const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(`${root}docs/helm.md`, 'utf8')
let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'snug' } })
})
afterAll(async () => {
  await cluster?.stop()
})

/** Of the Prometheus Operator; and of `policy/v1`, which servers have from 1.21 on. */
const absent = ['ServiceMonitor', 'PodDisruptionBudget']

/** How many of them it would make; all but those that not every server has. */
async function taken(objects: readonly Manifest[]): Promise<number> {
  const known = objects.filter(({ kind }) => !absent.includes(kind))
  const text = known.map((each) => stringify(each)).join('---\n')
  const output = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], text)
  return [...output.matchAll(/(created|configured|unchanged) \(server dry run\)/g)].length
}

it('the API server accepts the output of the chart', async () => {
  expect(await taken(renderChart().objects)).toBe(7)
  const all = {
    image: { pullPolicy: 'Always', pullSecrets: [{ name: 'registry' }] },
    affinity: { podAntiAffinity: {} },
    podAnnotations: { team: 'security' },
    serviceMonitor: { enabled: true },
    extraEnv: [{ name: 'SIEM_TOKEN', value: 'x' }],
    extraVolumes: [{ name: 'keys', secret: { secretName: 'keys' } }],
    extraVolumeMounts: [{ name: 'keys', mountPath: '/etc/keys' }],
  }
  expect(await taken(renderChart(all).objects)).toBe(8)
})

it('it accepts the output of kustomize, with the scrape objects too', async () => {
  // All of the chart's, the namespace, and two definitions.
  expect(await taken(kustomized('monitoring'))).toBe(8 + 3)
})

it('it accepts the console, from the chart and from kustomize', async () => {
  expect(await taken(renderChart({ console: { enabled: true } }).objects)).toBe(7 + 9)
  const text = await cluster.kubectl(['kustomize', `${root}deploy/kubernetes/console`])
  expect(await taken(manifestsIn(text))).toBe(9)
})

it('it refuses an unknown field', async () => {
  const strange = renderChart({ affinity: { nodeAfinity: {} } }).objects
  await expect(taken(strange)).rejects.toThrow('nodeAfinity')
})

it.each(['-f deploy/helm/snug/crds/', '-k deploy/kubernetes/crds'])(
  'definitions that Helm made are new after the documented `apply … %s`',
  async (which) => {
    const command = `kubectl apply --server-side --force-conflicts ${which}`
    expect(page).toContain(command)
    const name = 'imageprofiles.snug.dev'
    const file = `${root}deploy/kubernetes/crds/image-profiles.yaml`
    const now = parse(readFileSync(file, 'utf8')) as Definition
    const old = structuredClone(now)
    for (const version of old.spec.versions) version.additionalPrinterColumns = []
    await cluster.kubectl(['delete', 'crd', name, '--ignore-not-found'])
    await cluster.kubectl(['create', '--field-manager=helm', '-f', '-'], stringify(old))
    const [, ...args] = command.split(' ')
    await cluster.kubectl(args.map((each) => (each.startsWith('deploy/') ? root + each : each)))
    const { spec } = await cluster.json<Definition>(['get', 'crd', name])
    const columns = now.spec.versions[0].additionalPrinterColumns
    expect(columns.length).toBeGreaterThan(3)
    expect(spec.versions[0].additionalPrinterColumns).toEqual(columns)
  },
)

interface Definition {
  readonly spec: {
    readonly versions: readonly [{ additionalPrinterColumns: readonly object[] }]
  }
}

const objects: readonly BehaviourObject[] = [
  { kind: 'exec', path: '/usr/sbin/nginx' },
  { kind: 'file', access: 'read', path: '/' },
  { kind: 'file', access: 'read', path: '/etc/nginx/nginx.conf' },
  { kind: 'file', access: 'write', path: '/var/log/a b: {c} #d' },
  { kind: 'file', access: 'create', path: '/var/cache/nginx' },
  { kind: 'listen', protocol: 'tcp', address: '0.0.0.0', port: 80 },
  { kind: 'listen', protocol: 'udp', address: '::', port: 53 },
  { kind: 'connect', protocol: 'tcp', peer: '10.0.0.7', port: 5432 },
  { kind: 'connect', protocol: 'tcp', peer: '10.0.0.0/8', port: 8443 },
  { kind: 'connect', protocol: 'udp', peer: '2001:db8::1', port: 53 },
  { kind: 'connect', protocol: 'tcp', peer: '203.0.113.7', port: 0 },
  { kind: 'connect', protocol: 'tcp', peer: 'user-db.shop', port: 6379 },
  { kind: 'connect', protocol: 'tcp', peer: 'api.example.', port: 443 },
  { kind: 'capability', name: 'CAP_NET_BIND_SERVICE' },
  { kind: 'identity', from: { uid: 0, gid: 0 }, to: { uid: 101, gid: 101 } },
]

function learned(object: BehaviourObject): ProfileEntry {
  const actor = { exe: '/usr/sbin/nginx' }
  const time = '2026-11-24T13:40:07.007007Z'
  const seen = { container: 'c1', origin: 'entrypoint', phase: 'learned', count: 1 } as const
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey(actor, 101, object)),
    actor,
    uid: 101,
    object,
    cells: [{ ...seen, first: time, last: time, nodes: ['n1'], sources: ['ebpf'] }],
  }
}

/** The last part of a repository may have any length, and characters that a name in Kubernetes may not. */
const repositories = [
  'shop/web',
  'registry.local:5000/shop/web__front.end',
  `shop/${'long-'.repeat(20)}name`,
]

/** Kinds of other products, whose members consumer-schemas.ts has: here the server checks the object. */
const foreign = [
  ['security.kubearmor.com', 'v1', 'KubeArmorPolicy', 'kubearmorpolicies', 'Namespaced'],
  ['cilium.io', 'v1alpha1', 'TracingPolicy', 'tracingpolicies', 'Cluster'],
  [
    'spdx.softwarecomposition.kubescape.io',
    'v1beta1',
    'ContainerProfile',
    'containerprofiles',
    'Namespaced',
  ],
] as const

describe.each(repositories)('what is exported of %s', (repository) => {
  const ref = { repository, digest: `sha256:${'ab'.repeat(32)}` }
  const exported = (format: ExportFormat): Manifest =>
    parse(exportProfile(format, ref, Profile.load(objects.map(learned), shaper)).text) as Manifest

  beforeAll(async () => {
    const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    const definitions = foreign.map(([group, name, kind, plural, scope]) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope,
        names: { kind, plural },
        versions: [{ name, served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    }))
    await cluster.apply(...definitions)
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', kubectlPatience])
  })

  it.each(['networkpolicy', 'kubearmor', 'tetragon', 'container-profile'] as const)(
    'as %s is accepted by the API server',
    async (format) => {
      expect(await taken([exported(format)])).toBe(1)
    },
  )

  it('as security-context is accepted by the API server in a pod', async () => {
    const spec = exported('security-context') as unknown as PodSpec
    const containers = spec.containers.map((each) => ({ ...each, image: 'web' }))
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } }
    expect(spec.containers[0]).toHaveProperty('securityContext.capabilities')
    expect(await taken([{ ...pod, spec: { ...spec, containers } } as Manifest])).toBe(1)
  })
})

interface PodSpec {
  readonly containers: readonly object[]
}

describe.each(formatFixtures)('objects that an agent of $name wrote', (fixture) => {
  const { items } = fixture.json<{ items: (ImageProfile | ProfileSlice)[] }>('objects.json')
  const profiles = items.filter((item): item is ImageProfile => 'spec' in item)
  const slices = items.filter((item): item is ProfileSlice => 'entries' in item)
  const withoutServers = ({ metadata, ...rest }: ImageProfile | ProfileSlice): object => ({
    ...rest,
    name: metadata.name,
  })

  it('remain as they are when the definitions become the present ones, which accept them', async () => {
    await cluster.kubectl([
      'delete',
      'crd',
      'imageprofiles.snug.dev',
      'profileslices.snug.dev',
      '--ignore-not-found',
    ])
    await cluster.kubectl(['create', '-f', fixture.path('crds.json')])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', kubectlPatience])
    await cluster.kubectl(['create', '-f', fixture.path('objects.json')])
    for (const { metadata, status } of profiles) {
      const made = await cluster.json<ImageProfile>(['get', 'imageprofile', metadata.name])
      const path = `${fleetRoot}/imageprofiles/${metadata.name}/status`
      const body = JSON.stringify({ ...made, status })
      await cluster.kubectl(['replace', '--raw', path, '-f', '-'], body)
    }
    await installKinds(cluster)
    const kept = await cluster.json<{ items: ImageProfile[] }>([
      'get',
      'imageprofiles,profileslices',
    ])
    expect(kept.items.map(withoutServers)).toEqual(items.map(withoutServers))
    // A write is validated, also where it changes nothing.
    for (const { kind, metadata } of kept.items as (ImageProfile & { kind: string })[])
      await cluster.kubectl(['annotate', kind, metadata.name, 'snug.dev/read=yes'])
    expect(profiles.length).toBe(3)
    expect(slices.length).toBe(3)
  })

  it('are the profile of the version on a node with the present agent', async () => {
    const [slice] = slices
    if (slice === undefined) throw new Error('no slice')
    const image = { ...slice.image, tag: '1', ref: imageKey(slice.image), scope: slice.image.scope }
    const node = new FleetNode('n9', cluster.kubeconfig, image)
    await using agent = node.agent
    await agent.start()
    await node.opened('/etc/of-this-node')
    const wanted = slice.entries.map(({ id }) => id)
    expect(wanted.length).toBeGreaterThan(3)
    const rows = await node.rows((all) => {
      const ids = new Set(all.map(({ id }) => id))
      return wanted.every((id) => ids.has(id))
    })
    expect(rows.length).toBeGreaterThan(wanted.length)
  })
})
