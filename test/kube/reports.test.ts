import { kubectlPatience } from '../fixtures/patience.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { maxResults, type ReportContent } from '../../src/fleet/reports/report-objects.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { learnerConfig } from '../fixtures/learned-agent.ts'
import { Cluster } from './cluster/cluster.ts'
import { FleetImage, FleetNode, stateIs } from './fleet-node.ts'

/** Reports of an agent that has the rights of the component, and no others for them. */
const rights = ['base', 'reports'].map((part) =>
  fileURLToPath(new URL(`../../deploy/kubernetes/${part}/rbac.yaml`, import.meta.url)),
)
const namespace = 'shop'
let cluster: Cluster
let folder: string
let agent: Agent
let node: FleetNode

const text = { type: 'string' }
const whole = { type: 'integer' }
const names = { type: 'object', additionalProperties: text }
const fields = (properties: object, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
})
/** The published members of a Report that an agent writes. The server removes those that are not here. */
const schema = fields({
  source: text,
  scope: fields({ apiVersion: text, kind: text, name: text }),
  configuration: fields({
    limits: fields({ maxResults: whole, statusFilter: { type: 'array', items: text } }),
  }),
  summary: fields({ pass: whole, fail: whole, warn: whole, error: whole, skip: whole }),
  results: {
    type: 'array',
    items: fields(
      {
        source: text,
        policy: text,
        rule: text,
        category: text,
        severity: { ...text, enum: ['critical', 'high', 'low', 'medium', 'info'] },
        timestamp: fields({ seconds: { ...whole, format: 'int64' }, nanos: whole }, [
          'seconds',
          'nanos',
        ]),
        result: { ...text, enum: ['pass', 'fail', 'warn', 'error', 'skip'] },
        scored: { type: 'boolean' },
        message: text,
        properties: names,
      },
      ['policy'],
    ),
  },
})

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await cluster.apply({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'reports.openreports.io' },
    spec: {
      group: 'openreports.io',
      scope: 'Namespaced',
      names: { kind: 'Report', plural: 'reports', singular: 'report', shortNames: ['reps'] },
      versions: [
        { name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: schema } },
      ],
    },
  })
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', kubectlPatience])
  for (const name of [namespace, 'snug'])
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } })
  folder = mkdtempSync('/tmp/snug-reports-')
  const access = join(folder, 'kubeconfig')
  writeFileSync(access, await accessOfAgent())
  agent = new Agent({
    config: {
      ...learnerConfig,
      node: 'n1',
      sources: ['file:/dev/null'],
      kernelState: 'none',
      engines: {
        docker: { socket: 'none' },
        kubernetes: { access, reports: true },
      },
    },
  })
  node = new FleetNode('n1', '', new FleetImage(cluster, { scope: namespace }), { agent })
  await agent.start()
})

afterAll(async () => {
  try {
    await agent?.[Symbol.asyncDispose]()
    if (cluster?.own === false) {
      await cluster.kubectl(['delete', 'node', 'n1', '--ignore-not-found'])
      await cluster.kubectl(['delete', 'namespace', namespace, 'snug'])
      await cluster.kubectl(['delete', 'crd', 'reports.openreports.io'])
      for (const file of rights)
        await cluster.kubectl(['-n', 'snug', 'delete', '-f', file, '--ignore-not-found'])
    }
  } finally {
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

/** A kubeconfig of the service account that the manifests give the agent. */
async function accessOfAgent(): Promise<string> {
  for (const file of rights) await cluster.kubectl(['-n', 'snug', 'apply', '-f', file])
  const token = (await cluster.kubectl(['-n', 'snug', 'create', 'token', 'snug-agent'])).trim()
  const config = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])) as {
    users: object[]
    contexts: { context: { user: string } }[]
  }
  config.users = [{ name: 'agent', user: { token } }]
  for (const { context } of config.contexts) context.user = 'agent'
  return JSON.stringify(config)
}

const reportIs = (good: (report: Report) => boolean): Promise<Report> =>
  cluster.until(
    'the report',
    () => cluster.json<Report>(['-n', namespace, 'get', 'reports', 'snug.n1']),
    good,
    // A node writes one each 30 seconds.
  )

interface Report extends ReportContent {
  readonly metadata: { readonly ownerReferences: readonly { readonly kind: string }[] }
  readonly configuration: { readonly limits: { readonly maxResults: number } }
}

it('an image with behaviours that wait has a result in its namespace, until people have decided', async () => {
  await node.opened('/etc/known')
  await node.endLearning()
  await node.opened('/etc/known', '/srv/new')
  await node.rows(stateIs('/srv/new', 'pending'))
  const report = await reportIs(({ results }) => results.length > 0)
  expect(report.summary).toEqual({ pass: 0, fail: 0, warn: 1, error: 0, skip: 0 })
  expect(report.configuration.limits).toEqual({ maxResults })
  expect(report.results).toMatchObject([
    {
      policy: 'snug',
      rule: 'profile',
      result: 'warn',
      message: 'shop/web: 1 behaviour waits for review on node n1',
      properties: { image: 'shop/web', mode: 'alert', node: 'n1', pending: '1', scope: namespace },
    },
  ])
  await node.reject('/srv/new')
  const { summary } = await reportIs(({ results }) => results.length === 0)
  expect(summary).toMatchObject({ fail: 0, warn: 0 })
  expect((await agent.json<StatusView>(['status'])).degraded).toEqual([])
})

it('a node that is removed takes its reports along', async () => {
  const { metadata } = await reportIs(() => true)
  expect(metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1' }])
  await cluster.kubectl(['delete', 'node', 'n1'])
  await cluster.until(
    'the removal',
    () => cluster.kubectl(['-n', namespace, 'get', 'reports', '--ignore-not-found', '-o', 'name']),
    (names) => names.trim() === '',
  )
})
