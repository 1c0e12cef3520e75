import { beforeEach, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { allObservables } from '../../../../src/core/coverage/observable.ts'
import type { JudgeStage } from '../../../../src/agent/pipeline/judge/judge-stage.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import type { VersionRegistry } from '../../../../src/agent/records/versions/version-registry.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const now = (): number => Date.parse('2026-11-24T13:40:00Z')
const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' } as const
const node = { exe: '/usr/bin/node' }
let registry: VersionRegistry
let stage: JudgeStage
let alerts: AlertStore

beforeEach(() => {
  registry = registryWith({ rules, now })
  ;({ stage, alerts } = judgingWith({ registry, now, jobs: true }))
})

function does(...events: readonly ActEvent[]): void {
  stage.judge({ messages: events.map((event) => ({ type: 'event', event })), source: 'ebpf' })
}

const version = (): DeployedVersion => registry.index.findOne('shop/web')
const kinds = (): readonly string[] =>
  version()
    .profile.entries()
    .map(({ object }) => object.kind)
    .sort()

it('a job that learns lists programs and peers, and none of the files that it works on', () => {
  does(
    act.exec('/usr/bin/tar', node),
    act.file('/builds/shop/a', ['write', 'create'], node),
    act.syscall('utimensat', node, '/builds/shop/a'),
    act.connect('198.51.100.7', 443, node),
  )
  expect(kinds()).toEqual(['connect', 'exec'])
  expect(alerts.size).toBe(0)
})

it('a job with the profile of earlier runs is judged by what it lacks, and goes on learning', () => {
  does(act.connect('198.51.100.7', 443, node))
  version().judgedByPrior(allObservables)
  ;({ stage, alerts } = judgingWith({ registry, now, jobs: true }))
  does(
    act.connect('198.51.100.7', 443, node),
    act.exec('/builds/shop/tool', node, true),
    act.file('/builds/shop/b', ['read'], node),
  )
  expect(alerts.size).toBe(0)
  does(act.connect('203.0.113.9', 443, node), act.file('/root/.npmrc', ['read'], node))
  expect(alerts.list({ limit: 9 }).map(({ severity, reasons }) => [severity, reasons[0]])).toEqual([
    ['medium', expect.stringContaining('Read the credentials of a client')],
    ['medium', 'no earlier run of the job did this'],
  ])
})
