import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as draft07 from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { chartFolder, renderChart } from '../fixtures/chart.ts'

/** Every value of the chart has an effect, and an unknown value is refused before any object is made. */
type Values = Readonly<Record<string, unknown>>

const shipped = parse(readFileSync(join(chartFolder, 'values.yaml'), 'utf8')) as Values
const ajv = new draft07.Ajv({ strict: false, allErrors: true })
const isValid = ajv.compile(
  JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as object,
)

/** The errors of the values, merged over those of the chart: path and message. */
function faults(values: Values): readonly string[] {
  if (isValid(renderChart(values).values) === true) return []
  return (isValid.errors ?? []).map(({ instancePath, message, params }) => {
    const extra = 'additionalProperty' in params ? ` (${params['additionalProperty']})` : ''
    return `${instancePath} ${message}${extra}`
  })
}

/** Paths of leaves: texts, numbers, switches, lists and empty maps. */
function leaves(value: unknown, path: readonly string[] = []): readonly string[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  const below = isMap ? Object.entries(value) : []
  if (below.length === 0) return [path.join(' ')]
  return below.flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

function at(path: string, value: unknown): Values {
  return path.split(' ').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values
}

/** A different valid setting for each value. */
const others: Readonly<Record<string, unknown>> = {
  'image repository': 'registry.example/snug',
  'image tag': '2',
  'image digest': `sha256:${'ab'.repeat(32)}`,
  'image pullPolicy': 'Always',
  'image pullSecrets': [{ name: 'registry' }],
  'config listen': 'none',
  'config engines docker socket': '/run/docker.sock',
  'config engines kubernetes access': 'none',
  'config engines kubernetes share': false,
  'config engines kubernetes events': false,
  'resources requests cpu': '250m',
  'resources requests memory': '300Mi',
  'resources limits memory': '1Gi',
  'nodeSelector kubernetes.io/os': 'other',
  tolerations: [],
  affinity: { nodeAffinity: {} },
  'priorityClass create': false,
  'priorityClass name': 'system-node-critical',
  'priorityClass value': 1_000_000,
  'seccompProfile type': 'Unconfined',
  podAnnotations: { team: 'security' },
  dataPath: '/srv/snug',
  'networkPolicy enabled': false,
  'nri enabled': true,
  'nri socket': '/run/nri/nri.sock',
  'nri runtime': '/var/run/crio/crio.sock',
  'auditLog enabled': true,
  'auditLog path': '/var/log/audit/kube.log',
  'reports enabled': true,
  'heldLabel enabled': true,
  'heldLabel networkPolicies': ['shop'],
  'heldDeletion enabled': true,
  'console enabled': true,
  'console replicas': 3,
  'console config schema': 'snug.console/v1',
  'console config listen': '[::]:8443',
  'console config tls cert': '/etc/snug/tls/chain.pem',
  'console config tls key': '/etc/snug/tls/key.pem',
  'console config oidc issuer': 'https://login.shop.example',
  'console config oidc audience': 'console',
  'console config oidc jwks': 'https://login.shop.example/keys',
  'console config oidc roles': [{ value: 'everyone', role: 'viewer' }],
  'console tlsSecret': 'console-tls',
  'console secret': 'console-files',
  'console resources requests cpu': '250m',
  'console resources requests memory': '300Mi',
  'console resources limits memory': '2Gi',
  'serviceMonitor enabled': true,
  'serviceMonitor labels': { release: 'kube-prometheus-stack' },
  'serviceMonitor interval': '1m',
  'serviceMonitor from': [{ podSelector: {} }],
  'serviceMonitor agentSecret': 'agents',
  'serviceMonitor prometheusSecret': 'scraper',
  'serviceMonitor client': 'DNS:scraper',
  extraEnv: [{ name: 'SPLUNK_TOKEN', value: 'x' }],
  extraVolumes: [{ name: 'keys', secret: { secretName: 'keys' } }],
  extraVolumeMounts: [{ name: 'keys', mountPath: '/etc/keys' }],
}

describe('the values that ship', () => {
  it('are as the schema wants them, whose patterns Helm can read', () => {
    expect(faults({})).toEqual([])
  })

  it('are each tried with another', () => {
    const named = Object.keys(others)
    expect(named.sort()).toEqual(leaves(shipped).toSorted())
  })
})

/** The schema names its version: it has one value. */
const fixed = 'console config schema'

it.each(Object.entries(others).filter(([path]) => path !== fixed))(
  '`%s` has an effect, and may be that',
  (path, value) => {
    const given = at(path, value)
    // What is off has no effect by its other values.
    const part = /^(serviceMonitor|nri|auditLog|heldLabel|console) (?!enabled)/.exec(path)?.[1]
    const context = part === undefined ? {} : { [part]: { enabled: true } }
    const mixed =
      part === undefined ? given : { [part]: { enabled: true, ...(given[part] as object) } }
    expect(faults(mixed)).toEqual([])
    expect(renderChart(mixed).objects).not.toEqual(renderChart(context).objects)
  },
)

it('the values in the docs are valid and reach the config of the agent', () => {
  const page = readFileSync(new URL('../../docs/helm.md', import.meta.url), 'utf8')
  const [, text = ''] = /```yaml\n# my-values.yaml\n([^]*?)```/.exec(page) ?? []
  const values = parse(text) as Values
  expect(faults(values)).toEqual([])
  const made = JSON.stringify(renderChart(values).objects)
  for (const word of [
    'registry.example/snug:1',
    'SIEM_TOKEN',
    'otel.shop.example',
    'access: pod',
  ]) {
    expect(made).toContain(word)
  }
})

describe('invalid values', () => {
  it.each<readonly [string, Values, string]>([
    ['a word that is none', { imgae: {} }, ' must NOT have additional properties (imgae)'],
    [
      'a word within one',
      { serviceMonitor: { enable: true } },
      '/serviceMonitor must NOT have additional properties (enable)',
    ],
    [
      'a wrong type',
      { networkPolicy: { enabled: 'yes' } },
      '/networkPolicy/enabled must be boolean',
    ],
    ['a list for a map', { resources: [] }, '/resources must be object'],
    ['a path that is none', { dataPath: 'data' }, '/dataPath must match pattern "^\\/"'],
    [
      'a config key that is none',
      { config: { learn: { flor: '1h' } } },
      '/config/learn must NOT have additional properties (flor)',
    ],
    [
      'a config value that is none',
      { config: { after: 'never' } },
      '/config/after must be equal to one of the allowed values',
    ],
    ['nobody to connect', { serviceMonitor: { from: [] } }, '/serviceMonitor/from must NOT have'],
  ])('%s is refused, with its path', (_, values, words) => {
    expect(faults(values).join('\n')).toContain(words)
  })

  it('null removes a default value', () => {
    const gone = { tolerations: null, nodeSelector: null, resources: { limits: null } }
    expect(faults(gone)).toEqual([])
    const agent = JSON.stringify(renderChart(gone).objects.find(({ kind }) => kind === 'DaemonSet'))
    expect(agent).not.toMatch(/tolerations|nodeSelector|limits/)
    expect(agent).toContain('"requests"')
  })
})
