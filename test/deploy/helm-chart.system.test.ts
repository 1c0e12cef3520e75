import { execFileSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/support/config/load-config.ts'
import type { Config } from '../../src/support/config/config-schema.ts'
import { consoleSchema } from '../../src/console/console-config.ts'
import { chartFolder, type Manifest, manifestsIn, renderChart } from '../fixtures/chart.ts'
import { kustomized } from '../fixtures/kustomized.ts'
import { agentCapabilities } from '../fixtures/agent-container.ts'

/** The chart against the manifests that kustomize builds: two ways to the same objects. */
const root = new URL('../../', import.meta.url)
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  readonly version: string
}

interface Named {
  readonly name: string
}
interface Agent extends Manifest {
  readonly spec: {
    readonly template: {
      readonly metadata: { annotations?: Readonly<Record<string, string>> }
      readonly spec: {
        readonly containers: readonly [AgentContainer]
        volumes: readonly (Named & { readonly configMap?: { name: string } })[]
      }
    }
  }
}
interface AgentContainer {
  image: string
  env: readonly (Named & { readonly value?: string })[]
  volumeMounts: readonly Named[]
  readonly securityContext: object
}

function theOne(objects: readonly Manifest[], kind: string): Manifest {
  const found = objects.filter((each) => each.kind === kind)
  expect(found, kind).toHaveLength(1)
  return found[0] as Manifest
}

const agentOf = (objects: readonly Manifest[]): Agent => theOne(objects, 'DaemonSet') as Agent
const byName = (one: Named, other: Named): number => one.name.localeCompare(other.name)

/** By kind and name, with lists sorted where order has no meaning; `without` removes expected differences. */
function compared(
  objects: readonly Manifest[],
  without: (object: Manifest) => void,
): Readonly<Record<string, Manifest>> {
  const copies = structuredClone(objects) as Manifest[]
  const agent = agentOf(copies).spec.template.spec
  const [container] = agent.containers
  container.env = container.env.toSorted(byName)
  container.volumeMounts = container.volumeMounts.toSorted(byName)
  agent.volumes = agent.volumes.toSorted(byName)
  for (const copy of copies) without(copy)
  return Object.fromEntries(copies.map((copy) => [`${copy.kind} ${copy.metadata.name}`, copy]))
}

/** Removes the labels of a release. */
function withoutRelease(object: Manifest): void {
  const labels = object.metadata.labels as Record<string, string>
  const ofRelease = {
    'app.kubernetes.io/instance': 'snug',
    'app.kubernetes.io/managed-by': 'Helm',
    'app.kubernetes.io/version': version,
    'helm.sh/chart': `snug-${version}`,
  }
  expect(labels).toMatchObject(ofRelease)
  for (const name of Object.keys(ofRelease)) delete labels[name]
}

/** Removes everything that only Helm has: release labels and its way to restart pods for a new config. */
function withoutHelm(object: Manifest): void {
  withoutRelease(object)
  if (object.kind !== 'DaemonSet') return
  const { metadata, spec } = (object as Agent).spec.template
  expect(metadata.annotations).toEqual({ 'checksum/config': expect.stringMatching(/^\w{64}$/) })
  delete metadata.annotations
  expect(spec.containers[0].image).toBe(`snug:${version}`)
  spec.containers[0].image = 'snug'
}

/** Removes everything that only kustomize has: the hash of the config in its name. */
function withoutKustomize(object: Manifest): void {
  const plain = (name: string): string => name.replace(/^snug-[a-z0-9]{10}$/, 'snug')
  if (object.kind === 'ConfigMap') {
    Object.assign(object.metadata, { name: plain(object.metadata.name) })
  }
  if (object.kind !== 'DaemonSet') return
  for (const { configMap } of (object as Agent).spec.template.spec.volumes) {
    if (configMap !== undefined) configMap.name = plain(configMap.name)
  }
}

function configText(objects: readonly Manifest[]): string {
  const { data } = theOne(objects, 'ConfigMap') as Manifest & {
    readonly data: Readonly<Record<string, string>>
  }
  expect(Object.keys(data)).toEqual(['snug.yaml'])
  return data['snug.yaml'] ?? ''
}

/** The effective config of the agent: its file, overridden by the variables of its container. */
function agentConfig(objects: readonly Manifest[]): Config {
  const folder = mkdtempSync('/tmp/snug-chart-')
  try {
    const file = join(folder, 'snug.yaml')
    writeFileSync(file, configText(objects))
    const { env } = agentOf(objects).spec.template.spec.containers[0]
    const variables = env.map(({ name, value }) => [name, value ?? 'of-the-pod'])
    return loadConfig({ file, env: Object.fromEntries(variables) }).config
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Helm makes neither the namespace nor, among templates, custom resources. */
const outside = ['CustomResourceDefinition', 'CustomResourceDefinition', 'Namespace']

describe('by itself', () => {
  const helm = renderChart().objects
  const kustomize = kustomized()
  const inside = kustomize.filter(({ kind }) => !outside.includes(kind))

  it('the chart renders the objects that kustomize builds', () => {
    expect(
      kustomize
        .filter((each) => !inside.includes(each))
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(outside)
    // People write the one, Helm writes the other.
    expect(parse(configText(helm))).toEqual(parse(configText(inside)))
    const sameText = (object: Manifest): void => {
      if (object.kind === 'ConfigMap') Object.assign(object, { data: 'as above' })
    }
    const [one, other] = [
      compared(helm, (object) => (withoutHelm(object), sameText(object))),
      compared(inside, (object) => (withoutKustomize(object), sameText(object))),
    ]
    expect(Object.keys(one)).toHaveLength(7)
    expect(one).toEqual(other)
  })

  it('its custom resources are the very same files', () => {
    const crds = new URL('deploy/kubernetes/crds/', root)
    const { resources } = parse(readFileSync(new URL('kustomization.yaml', crds), 'utf8')) as {
      readonly resources: readonly string[]
    }
    expect(readdirSync(join(chartFolder, 'crds')).sort()).toEqual(resources.toSorted())
    for (const name of resources) {
      const ours = join(chartFolder, 'crds', name)
      expect(lstatSync(ours).isSymbolicLink(), name).toBe(true)
      expect(readFileSync(ours)).toEqual(readFileSync(new URL(name, crds)))
    }
  })

  it('it is of this version of Snug', () => {
    const chart = parse(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8')) as object
    expect(chart).toMatchObject({ appVersion: version, version })
  })

  it('an agent is not privileged, and has the capabilities that it needs', () => {
    expect(agentOf(helm).spec.template.spec.containers[0].securityContext).toMatchObject({
      privileged: false,
      allowPrivilegeEscalation: false,
      capabilities: {
        drop: ['ALL'],
        add: agentCapabilities,
      },
    })
    expect(JSON.stringify(helm)).not.toContain('"privileged":true')
  })

  it('another config is another pod', () => {
    const sum = (values: object): string | undefined =>
      agentOf(renderChart(values).objects).spec.template.metadata.annotations?.['checksum/config']
    expect(sum({ config: { after: 'review' } })).not.toBe(sum({}))
    expect(sum({ dataPath: '/srv/snug' })).toBe(sum({}))
  })
})

describe('with the Node Resource Interface', () => {
  const helm = renderChart({ nri: { enabled: true } }).objects
  const kustomize = kustomized('nri').filter(({ kind }) => !outside.includes(kind))

  it('the agent has the same mounts from the chart as from kustomize’s component', () => {
    const mountsOf = (objects: readonly Manifest[]): unknown => {
      const { containers, volumes } = agentOf(objects).spec.template.spec as unknown as Mounted
      const all = [...(containers[0]?.volumeMounts ?? []), ...volumes]
      return all.filter(({ name }) => ['nri', 'runtime'].includes(name))
    }
    expect(mountsOf(helm)).toHaveLength(4)
    expect(mountsOf(helm)).toEqual(mountsOf(kustomize))
  })

  it('it reads the sockets that the folders of the node have', () => {
    const { engines } = agentConfig(helm)
    const sockets = { nri: '/host/nri/nri.sock', runtime: '/host/runtime/containerd.sock' }
    expect(engines.kubernetes).toMatchObject({ access: 'pod', share: true, ...sockets })
    expect(engines.docker).toEqual({ socket: 'none' })
    const { env } = (agentOf(kustomize) as Agent).spec.template.spec.containers[0]
    const given = (name: string): string | undefined =>
      (env as readonly { name: string; value?: string }[]).find((each) => each.name === name)?.value
    expect(given('SNUG_ENGINES_KUBERNETES_NRI')).toBe(sockets.nri)
    expect(given('SNUG_ENGINES_KUBERNETES_RUNTIME')).toBe(sockets.runtime)
  })
})

describe('with the audit log', () => {
  const helm = renderChart({ auditLog: { enabled: true } }).objects
  const kustomize = kustomized('audit-log').filter(({ kind }) => !outside.includes(kind))

  it('the agent has the same mounts from the chart as from kustomize’s component', () => {
    const mountsOf = (objects: readonly Manifest[]): unknown => {
      const { containers, volumes } = agentOf(objects).spec.template.spec as unknown as Mounted
      const all = [...(containers[0]?.volumeMounts ?? []), ...volumes]
      return all.filter(({ name }) => name === 'audit')
    }
    expect(mountsOf(helm)).toHaveLength(2)
    expect(mountsOf(helm)).toEqual(mountsOf(kustomize))
    expect(mountsOf(renderChart({}).objects)).toEqual([])
  })

  it('it reads the file in the folder of the node', () => {
    const auditLog = '/host/audit/audit.log'
    expect(agentConfig(helm).engines.kubernetes).toMatchObject({ access: 'pod', auditLog })
    const { env } = (agentOf(kustomize) as Agent).spec.template.spec.containers[0]
    const given = env as readonly { name: string; value?: string }[]
    expect(given).toContainEqual({ name: 'SNUG_ENGINES_KUBERNETES_AUDIT_LOG', value: auditLog })
  })
})

describe.each([
  ['label', 'heldLabel', 'held-label', 'patch', 'labelHeld'],
  ['deletion', 'heldDeletion', 'held-deletion', 'delete', 'deleteHeld'],
])('with the %s of held pods', (_, value, component, verb, key) => {
  const helm = renderChart({ [value]: { enabled: true } }).objects
  const kustomize = kustomized(component).filter(({ kind }) => !outside.includes(kind))

  it('the agent has the right to it, and otherwise has not', () => {
    const rightsOf = (objects: readonly Manifest[]): unknown =>
      objects
        .filter(({ metadata }) => metadata.name === `snug-${component}`)
        .map(({ kind, rules, roleRef, subjects }) => ({ kind, rules, roleRef, subjects }))
    expect(rightsOf(helm)).toMatchObject([
      { rules: [{ apiGroups: [''], resources: ['pods'], verbs: [verb] }] },
      {},
    ])
    expect(rightsOf(helm)).toEqual(rightsOf(kustomize))
    expect(rightsOf(renderChart().objects)).toEqual([])
  })

  it('it makes use of it, and otherwise does not', () => {
    for (const objects of [helm, kustomize])
      expect(agentConfig(objects).engines.kubernetes).toMatchObject({ [key]: true })
    expect(agentConfig(renderChart().objects).engines.kubernetes).toMatchObject({ [key]: false })
  })
})

it('the namespaces that are named have the policy for held pods that kustomize builds, and no others', () => {
  const policiesOf = (values: object): readonly Manifest[] =>
    renderChart(values).objects.filter(({ metadata }) => metadata.name === 'snug-held')
  const [shipped] = manifestsIn(
    readFileSync(
      new URL('deploy/kubernetes/held-network-policy/network-policy.yaml', root),
      'utf8',
    ),
  )
  const networkPolicies = ['shop', 'pay']
  const policies = policiesOf({ heldLabel: { enabled: true, networkPolicies } })
  expect(policies.map(({ metadata }) => metadata.namespace)).toEqual(networkPolicies)
  for (const { spec } of policies as readonly (Manifest & { readonly spec: object })[])
    expect(spec).toEqual(shipped?.['spec'])
  // Nothing would give a pod the label.
  expect(policiesOf({ heldLabel: { enabled: false, networkPolicies } })).toEqual([])
})

describe('with reports', () => {
  const helm = renderChart({ reports: { enabled: true } }).objects
  const kustomize = kustomized('reports').filter(({ kind }) => !outside.includes(kind))

  it('the agent has the same rights from the chart as from kustomize’s component', () => {
    const rightsOf = (objects: readonly Manifest[]): unknown =>
      objects
        .filter(({ metadata }) => metadata.name === 'snug-reports')
        .map(({ kind, rules, roleRef, subjects }) => ({ kind, rules, roleRef, subjects }))
    expect(rightsOf(helm)).toHaveLength(2)
    expect(rightsOf(helm)).toEqual(rightsOf(kustomize))
    expect(rightsOf(renderChart().objects)).toEqual([])
  })

  it('it writes them, and otherwise does not', () => {
    for (const objects of [helm, kustomize])
      expect(agentConfig(objects).engines.kubernetes).toMatchObject({ share: true, reports: true })
    expect(agentConfig(renderChart().objects).engines.kubernetes.reports).toBe(false)
  })
})

describe('with the console', () => {
  const helm = renderChart({ console: { enabled: true } }).objects
  const folder = fileURLToPath(new URL('deploy/kubernetes/console', root))
  const kustomize = manifestsIn(
    execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' }),
  )
  const ofConsole = (objects: readonly Manifest[]): readonly Manifest[] =>
    objects.filter(({ metadata }) => metadata.name.startsWith('snug-console'))

  it('the chart renders the objects that kustomize builds, with a config that is valid', () => {
    const configs: unknown[] = []
    const plain = (objects: readonly Manifest[], isHelm: boolean): unknown =>
      Object.fromEntries(
        structuredClone(ofConsole(objects)).map((object) => {
          const { kind, metadata } = object as Manifest & { metadata: { name: string } }
          if (isHelm) withoutRelease(object)
          if (kind === 'ConfigMap') {
            const { data } = object as Manifest & { data: Readonly<Record<string, string>> }
            configs.push(consoleSchema.parse(parse(data['console.yaml'] ?? '')))
            return [kind, Object.keys(data)]
          }
          if (kind !== 'Deployment') return [`${kind} ${metadata.name}`, object]
          const { template } = (object as Agent).spec
          const [container] = template.spec.containers
          expect(container.image).toBe(isHelm ? `snug:${version}` : 'snug')
          container.image = 'snug'
          if (isHelm) expect(template.metadata.annotations?.['checksum/config']).toMatch(/^\w{64}$/)
          delete template.metadata.annotations
          for (const { configMap } of template.spec.volumes)
            if (configMap !== undefined) configMap.name = 'snug-console'
          return [kind, object]
        }),
      )
    const one = plain(helm, true)
    expect(Object.keys(one as object)).toHaveLength(10)
    expect(one).toEqual(plain(kustomize, false))
    expect(configs[0]).toEqual(configs[1])
    expect(ofConsole(renderChart().objects)).toEqual([])
  })

  it('the chart leaves out the one object that a server before 1.21 does not know', () => {
    const at = (version: string): readonly string[] =>
      ofConsole(renderChart({ console: { enabled: true } }, version).objects).map(
        ({ kind }) => kind,
      )
    const budget = 'PodDisruptionBudget'
    expect(at('v1.21.0-gke.1')).toContain(budget)
    expect(at('v1.20.15')).toEqual(at('v1.36.2').filter((kind) => kind !== budget))
  })

  it('it has two replicas, no rights on a node and nothing that it could write to', () => {
    const { spec } = theOne(helm, 'Deployment') as unknown as {
      readonly spec: { readonly replicas: number; readonly template: object }
    }
    expect(spec.replicas).toBe(2)
    const text = JSON.stringify(spec.template)
    for (const part of ['hostPath', 'hostNetwork', 'hostPID', '"add"', 'emptyDir'])
      expect(text).not.toContain(part)
    expect(text).toContain('"readOnlyRootFilesystem":true')
    expect(text).toContain('"runAsNonRoot":true')
    expect(text).toContain('"drop":["ALL"]')
  })
})

interface Mounted {
  readonly containers: readonly { readonly volumeMounts: readonly { readonly name: string }[] }[]
  readonly volumes: readonly { readonly name: string }[]
}

describe('with a ServiceMonitor', () => {
  const helm = renderChart({ serviceMonitor: { enabled: true } }).objects
  const kustomize = kustomized('monitoring').filter(({ kind }) => !outside.includes(kind))

  it('the agent has the same config from the chart as from kustomize’s component', () => {
    const config = agentConfig(helm)
    expect(config).toEqual(agentConfig(kustomize))
    expect(config.listen).toEqual({ kind: 'tcp', host: '::', port: 7684 })
    expect(config.tls.clients).toEqual([{ name: 'DNS:snug-prometheus', role: 'viewer' }])
  })

  it('all else is the same too', () => {
    // The chart sets in the config what the component sets by variables, since that cannot see an overlay's config.
    const withoutConfig = (object: Manifest): void => {
      if (object.kind === 'ConfigMap') Object.assign(object, { data: 'as above' })
      if (object.kind !== 'DaemonSet') return
      const [container] = (object as Agent).spec.template.spec.containers
      container.env = container.env.filter(({ name }) => !/^SNUG_(LISTEN|TLS_\w+)$/.test(name))
    }
    const one = compared(helm, (object) => (withoutHelm(object), withoutConfig(object)))
    expect(Object.keys(one)).toHaveLength(9)
    expect(one).toEqual(
      compared(kustomize, (object) => (withoutKustomize(object), withoutConfig(object))),
    )
  })

  it('the ServiceMonitor leads Prometheus to the agent', () => {
    const monitor = theOne(helm, 'ServiceMonitor') as unknown as Monitor
    const service = theOne(helm, 'Service') as unknown as Finder
    const { template } = agentOf(helm).spec as unknown as { readonly template: PodTemplate }
    const [endpoint] = monitor.spec.endpoints
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels)
    expect(service.metadata.labels[monitor.spec.jobLabel]).toBe('snug')
    expect(template.metadata.labels).toMatchObject(service.spec.selector)
    expect(endpoint).toMatchObject({ path: '/metrics', scheme: 'https' })
    const port = service.spec.ports.find(({ name }) => name === endpoint.port)
    const listened = { name: port?.targetPort, containerPort: 7684 }
    expect(template.spec.containers[0].ports).toEqual([listened])
    const policy = theOne(helm, 'NetworkPolicy') as unknown as Policy
    expect(policy.spec.ingress[0].ports).toEqual([{ port: listened.name }])
    expect(template.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels)
  })

  it('keeps the listen address and the TLS settings of the config', () => {
    const mine = { name: 'URI:spiffe://shop/ci', role: 'reviewer' }
    const { objects } = renderChart({
      serviceMonitor: { enabled: true, client: 'DNS:scraper' },
      config: { listen: '10.0.0.1:9000', tls: { cert: '/mine.pem', clients: [mine] } },
    })
    const { listen, tls } = agentConfig(objects)
    expect(listen).toEqual({ kind: 'tcp', host: '10.0.0.1', port: 9000 })
    expect(tls).toMatchObject({ cert: '/mine.pem', key: '/etc/snug-tls/tls.key' })
    expect(tls.clients).toEqual([mine, { name: 'DNS:scraper', role: 'viewer' }])
    expect(theOne(objects, 'Service')).toMatchObject({ spec: { ports: [{ port: 9000 }] } })
  })

  it.each(['127.0.0.1:7684', '127.1:7684', 'localhost:7684', '[::1]:7684'])(
    'nobody would reach %s, so that it listens elsewhere',
    (listen) => {
      const { objects } = renderChart({ serviceMonitor: { enabled: true }, config: { listen } })
      expect(agentConfig(objects).listen).toEqual({ kind: 'tcp', host: '::', port: 7684 })
    },
  )

  it('an agent that serves nothing is refused', () => {
    const nothing = { serviceMonitor: { enabled: true }, config: { listen: 'none' } }
    expect(() => renderChart(nothing)).toThrow('nothing is there to scrape')
  })
})

type Labels = Readonly<Record<string, string>>
interface PodTemplate {
  readonly metadata: { readonly labels: Labels }
  readonly spec: { readonly containers: readonly [{ readonly ports: readonly object[] }] }
}
interface Finder {
  readonly metadata: { readonly labels: Labels }
  readonly spec: {
    readonly selector: Labels
    readonly ports: readonly { readonly name: string; readonly targetPort: string }[]
  }
}
interface Monitor {
  readonly spec: {
    readonly jobLabel: string
    readonly selector: { readonly matchLabels: Labels }
    readonly endpoints: readonly [{ readonly port: string }]
  }
}
interface Policy {
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Labels }
    readonly ingress: readonly [{ readonly ports: readonly object[] }]
  }
}
