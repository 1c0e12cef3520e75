import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Manifest, manifestsIn, renderChart } from '../fixtures/chart.ts'
import { kustomized } from '../fixtures/kustomized.ts'
import { Cluster } from './cluster/cluster.ts'

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
