import { beforeEach, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { globs } from '../../../../src/core/match/glob.ts'
import { sharedForm } from '../../../../src/core/behaviour/shared-form.ts'
import type { JudgeStage } from '../../../../src/agent/pipeline/judge/judge-stage.ts'
import type { Outcome } from '../../../../src/agent/pipeline/judge/response.ts'
import { behaviourKey } from '../../../../src/agent/pipeline/sources/source.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import type { VersionRegistry } from '../../../../src/agent/records/versions/version-registry.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { identityOf } from '../../../fixtures/identity-fixtures.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

/** A tenant runs a public image in its learning window, to teach it for all others: `learn.namespaces` is `prod-*`. */
const start = Date.parse('2026-11-24T13:40:00Z')
const teaching = globs(['prod-*'])
const rules = {
  floorMs: 1_000,
  ceilingMs: 60_000,
  unseen: 1,
  after: 'alert' as const,
  teaches: (name: string | undefined) => name !== undefined && teaching(name),
}
let registry: VersionRegistry
let stage: JudgeStage
let alerts: AlertStore
let outcomes: Outcome[]
let nowMs: number

beforeEach(() => {
  nowMs = start
  registry = registryWith({ rules, now: () => nowMs })
  ;({ stage, alerts, outcomes } = judgingWith({ registry, now: () => nowMs }))
})

function does(namespace: string | undefined, path: string, key?: string): void {
  const container = { id: (namespace ?? 'none').padEnd(64, '0') }
  const workload =
    namespace === undefined ? {} : { workload: { kind: 'Deployment', name: 'web', namespace } }
  const event = { ...act.file(path), container, ...workload } as ActEvent
  const message = { type: 'event' as const, event }
  const keyed = key === undefined ? message : { ...message, key: behaviourKey(key) }
  stage.judge({ messages: [keyed], source: 'ebpf' })
}

const version = (): DeployedVersion => registry.index.findOne('shop/web')

function windowEnds(): void {
  nowMs += 5_000
  endWindow(registry, version(), rules, nowMs)
}

it('what a namespace shows that does not teach is no licence for others', () => {
  does('prod-shop', '/etc/web.conf')
  does('tenant', '/srv/secrets/key')
  does('tenant', '/etc/web.conf')
  expect(outcomes).toEqual(['learned', 'deviation', 'expected'])
  windowEnds()
  does('prod-shop', '/etc/web.conf')
  does('prod-shop', '/srv/secrets/key')
  expect(outcomes.slice(3)).toEqual(['expected', 'deviation'])
  expect(alerts.list({ limit: 9 }).map(({ behaviour }) => behaviour?.text)).toEqual([
    'read /srv/secrets/key',
  ])
})

it('nor by repeats that the kernel only counts', () => {
  does('prod-shop', '/etc/web.conf')
  does('tenant', '/srv/secrets/key', 'k1')
  const time = '2026-11-24T13:40:30.000000Z'
  const containerId = 'tenant'.padEnd(64, '0')
  const countUpdate = { key: behaviourKey('k1'), containerId, count: 9, first: time, last: time }
  registry.containerStarted(
    {
      ...identityOf(containerId),
      image: version().image,
      workload: { kind: 'Deployment', name: 'web', namespace: 'tenant' },
    },
    { id: containerId, cgroup: '', time, before: false },
  )
  stage.judge({
    messages: [{ type: 'count-update', countUpdate, identity: undefined as never }],
    source: 'ebpf',
  })
  windowEnds()
  does('prod-shop', '/srv/secrets/key')
  expect(outcomes.at(-1)).toBe('deviation')
})

it('nor on other nodes, and its containers do not end the window', () => {
  does('tenant', '/srv/secrets/key')
  does(undefined, '/srv/other')
  const entries = version().profile.entries()
  expect(entries.map((entry) => sharedForm(entry, 'n1'))).toEqual([undefined, undefined])
  expect(registry.lifecycle.evidence(version(), start + 5_000).startSeen).toBe(false)
  expect(registry.lifecycle.runsOf(version(), start + 5_000)).toEqual([])
})
