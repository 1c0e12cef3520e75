import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { nodeLabels } from '../../../src/fleet/kubernetes/fleet-objects.ts'
import { DeviationReports } from '../../../src/fleet/reports/deviation-reports.ts'
import {
  maxResults,
  type OpenVersion,
  type ReportContent,
} from '../../../src/fleet/reports/report-objects.ts'
import { ScriptedApi } from '../../fixtures/kube-server.ts'

/** test/kube/reports.test.ts has the same on a real API server, by a real agent. */
const reportsPath = '/apis/openreports.io/v1alpha1/reports'
const startMs = Date.parse('2026-11-24T12:00:00Z')
let api: ScriptedApi
let now: number
let open: OpenVersion[]
let fault: string | undefined
let reports: DeviationReports

beforeEach(async () => {
  api = new ScriptedApi('/api/v1/pods')
  await api.start()
  api.others.set(reportsPath, { metadata: { resourceVersion: '1' }, items: [] })
  api.others.set('/api/v1/nodes/n1', { metadata: { name: 'n1', uid: 'uid-n1' } })
  now = startMs
  open = []
  fault = undefined
  reports = made()
})
afterEach(async () => {
  await reports.close()
  await api.kill()
})

function made(): DeviationReports {
  return new DeviationReports({
    api: api.api(),
    node: 'n1',
    open: () => open,
    onFault: (reason) => {
      fault = reason
    },
    now: () => now,
  })
}

function version(scope: string, more: Partial<OpenVersion> & { name?: string } = {}): OpenVersion {
  const { name = 'shop/web', ...rest } = more
  const image = { repository: name, digest: `sha256:${'a'.repeat(64)}`, scope }
  return { image, mode: 'alert', pending: 1, quarantined: 0, ...rest }
}

interface Sent {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly ownerReferences?: readonly object[]
  }
}
type Report = Sent & ReportContent

const written = (): readonly Report[] => api.sent.map(({ body }) => body as Report)
async function tick(times = 1): Promise<void> {
  for (let left = times; left > 0; left--) {
    now += 30_000
    await reports.tick()
  }
}

describe('a report', () => {
  it('has the images of its namespace with behaviours that wait, the worst first', async () => {
    open = [
      version('shop', { name: 'shop/api', pending: 3 }),
      version('shop', { name: 'shop/web', pending: 1, quarantined: 2, mode: 'block' }),
      version('shop/Deployment/web', { name: 'shop/web' }),
      version('bank'),
    ]
    await tick()
    const [report] = written()
    expect(report?.metadata).toMatchObject({ name: 'snug.n1', namespace: 'shop' })
    expect(report?.metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'uid-n1' },
    ])
    expect(report?.summary).toEqual({ pass: 0, fail: 1, warn: 2, error: 0, skip: 0 })
    expect(report?.results.map(({ result, message }) => [result, message])).toEqual([
      ['fail', 'shop/web: 3 behaviours wait for review on node n1, 2 of them as a guardrail fired'],
      ['warn', 'shop/api: 3 behaviours wait for review on node n1'],
      ['warn', 'shop/web: 1 behaviour waits for review on node n1'],
    ])
    expect(report?.results[0]?.properties).toMatchObject({ mode: 'block', quarantined: '2' })
    expect(report?.results[0]?.timestamp.seconds).toBe(now / 1_000)
  })

  it('is written once for each change, and has none of what was decided', async () => {
    open = [version('shop')]
    await tick(5)
    expect(written()).toHaveLength(1)
    const since = now
    open = [version('shop', { pending: 2 })]
    await tick(5)
    expect(written()).toHaveLength(2)
    expect(written()[1]?.results[0]?.timestamp.seconds).toBeGreaterThan(since / 1_000)
    open = []
    await tick(5)
    expect(written()).toHaveLength(3)
    expect(written()[2]).toMatchObject({ results: [], summary: { fail: 0, warn: 0 } })
  })

  it('has a bound, and the summary counts the rest', async () => {
    open = Array.from({ length: 150 }, (_, at) =>
      version('shop', {
        name: `${'x'.repeat(5_000)}/${at}`,
        ...(at === 149 && { quarantined: 1 }),
      }),
    )
    await tick()
    const [report] = written()
    expect(report?.results).toHaveLength(maxResults)
    expect(report?.results[0]?.result).toBe('fail')
    expect(report?.summary).toMatchObject({ fail: 1, warn: 149 })
    // The API server takes 1.5 MiB.
    expect(JSON.stringify(report).length).toBeLessThan(512 * 1_024)
  })

  it('has no image whose scope names no namespace', async () => {
    open = [version('../secrets'), version('Shop'), version('')]
    await tick(3)
    expect(written()).toEqual([])
  })
})

describe('the writes', () => {
  it('are one in each pause, and every namespace has its turn', async () => {
    const spaces = ['a', 'b', 'c']
    for (let round = 1; round <= 6; round++) {
      open = spaces.map((space) => version(space, { pending: round }))
      await tick()
    }
    const order = written().map(({ metadata }) => metadata.namespace)
    expect(order).toEqual([...spaces, ...spaces])
  })

  it('continue with the reports of the agent before this one, and of no other node', async () => {
    const labels = nodeLabels('n1')
    const of = (name: string, namespace: string): object => ({
      metadata: { name, namespace, uid: namespace, resourceVersion: '1', labels },
    })
    const items = [of('snug.n1', 'old'), of('snug.n2', 'theirs'), of('pol-audit', 'tools')]
    api.others.set(reportsPath, { metadata: { resourceVersion: '1' }, items })
    await tick(5)
    expect(written().map(({ metadata, results }) => [metadata.namespace, results])).toEqual([
      ['old', []],
    ])
    const [list] = api.asked.filter(({ path }) => path === reportsPath)
    expect(list?.query.get('labelSelector')).toBe(`snug.dev/node=${labels['snug.dev/node']}`)
  })

  it('do not stop at a namespace that is gone', async () => {
    open = [version('gone'), version('shop')]
    await reports.tick()
    // In `shop` the patch finds no report, and the create no namespace.
    open = [version('shop'), version('bank')]
    api.refusals.push({ status: 404 }, { status: 404 })
    await tick(4)
    expect(written().map(({ metadata }) => metadata.namespace)).toEqual(['gone', 'bank', 'gone'])
    expect(fault).toBeUndefined()
  })

  it('fail with a reason where the kind is not installed or a right is missing, and go on', async () => {
    api.others.delete(reportsPath)
    open = [version('shop')]
    await tick()
    expect(fault).toContain('openreports.io are not installed')
    api.others.set(reportsPath, { metadata: { resourceVersion: '1' }, items: [] })
    api.refusals.push({ status: 200, body: { items: [] } }, { status: 200, body: {} })
    api.refusals.push({ status: 403, body: { message: 'it is forbidden' } })
    await tick()
    expect(fault).toContain('forbidden')
    await tick(10)
    expect(written()).toHaveLength(1)
    expect(fault).toBeUndefined()
  })

  it('need the rights of the component, and no others', async () => {
    open = [version('shop')]
    // The list, the node, and a patch of what is not there.
    const list = { metadata: { resourceVersion: '1' }, items: [] }
    api.refusals.push({ status: 200, body: list }, { status: 200, body: {} }, { status: 404 })
    await tick()
    open = [version('shop', { pending: 2 })]
    await tick()
    const used = [
      ...api.asked.flatMap(({ path }) =>
        path === reportsPath
          ? ['list reports of openreports.io']
          : path === '/api/v1/nodes/n1'
            ? ['get nodes of ']
            : [],
      ),
      ...api.sent.map(({ method, path }) => {
        expect(path).toContain('/namespaces/shop/reports')
        return `${method === 'POST' ? 'create' : method.toLowerCase()} reports of openreports.io`
      }),
    ]
    const file = new URL('../../../deploy/kubernetes/reports/rbac.yaml', import.meta.url)
    const [role] = parseAllDocuments(readFileSync(file, 'utf8')).map((each) => each.toJS() as Role)
    const allowed = role?.rules.flatMap(({ apiGroups: [group], resources, verbs }) =>
      resources.flatMap((one) => verbs.map((verb) => `${verb} ${one} of ${group}`)),
    )
    expect(used.toSorted()).toEqual(allowed?.toSorted())
  })
})

interface Role {
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[]
}
