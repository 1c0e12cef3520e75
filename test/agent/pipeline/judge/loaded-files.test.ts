import { beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { Derivation } from '../../../../src/core/learning/derivation.ts'
import type { JudgeStage } from '../../../../src/agent/pipeline/judge/judge-stage.ts'
import type { Outcome } from '../../../../src/agent/pipeline/judge/response.ts'
import { allowEvent } from '../../../../src/agent/pipeline/judge/profile-decisions.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import { loadedKept } from '../../../../src/agent/records/alerts/run-alerts.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import type { VersionRegistry } from '../../../../src/agent/records/versions/version-registry.ts'
import { act, type Where } from '../../../fixtures/event-fixture.ts'
import { imageFacts } from '../../../fixtures/image-facts.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const start = Date.parse('2026-11-24T13:40:00Z')
const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }
/** More than one alert has room for. */
const many = Array.from({ length: loadedKept + 2 }, (_, n) => `lib${n}.so`)
const programs: Readonly<Record<string, readonly string[]>> = {
  '/bin/tool': ['libtool.so', 'libc.so.6'],
  '/bin/large': many,
  '/lib/libtool.so': [],
  '/lib/libc.so.6': [],
  '/lib/ld.so': [],
  ...Object.fromEntries(many.map((name) => [`/lib/${name}`, []])),
}
const files = [...Object.keys(programs), '/etc/ld.so.cache', '/etc/words']
const facts = imageFacts(programs, Object.fromEntries(files.map((path) => [path, 0o100755])))

const as = (uid: number, exe = '/bin/tool'): Where => ({ exe, uid })
const runs = (uid: number, path = '/bin/tool'): ActEvent =>
  act.exec(path, { exe: '/usr/sbin/service', uid })
const reads = (path: string, where: Where, layer: 'image' | 'container' = 'image'): ActEvent =>
  act.file(path, ['read'], where, { layer, shipped: layer === 'image' })
const loading = ['/etc/ld.so.cache', '/lib/libtool.so', '/lib/libc.so.6']

let alerts: AlertStore
let registry: VersionRegistry
let stage: JudgeStage
let outcomes: Outcome[]

const version = (): DeployedVersion => registry.index.findOne('shop/web')

function happens(...events: readonly ActEvent[]): readonly Outcome[] {
  outcomes.length = 0
  const messages = events.map((event) => ({ type: 'event' as const, event }))
  stage.judge({ messages, source: 'ebpf' })
  return [...outcomes]
}

/** Of each alert, in order: its behaviour, and the files that the program loaded. */
const found = () =>
  alerts
    .list({ limit: 999 })
    .toReversed()
    .map(({ behaviour, loaded }) => [behaviour?.text, loaded?.map(({ object }) => object)])

beforeEach(() => {
  let nowMs = start
  registry = registryWith({ rules, now: () => nowMs })
  const room = { capacity: 1_000, each: 1_000 }
  ;({ stage, alerts, outcomes } = judgingWith({ registry, now: () => nowMs, room }))
  // Both programs are known, as user 33. They have files that no build implies.
  happens(
    ...['/bin/tool', '/bin/large'].flatMap((exe) => [
      runs(33, exe),
      reads('/srv/own', as(33, exe), 'container'),
    ]),
  )
  version().profile.derived.derivation = new Derivation(facts, () => false)
  nowMs += 5_000
  endWindow(registry, version(), rules, nowMs)
})

describe('files that a program loads because of its build', () => {
  it('are part of the alert about its run', () => {
    happens(runs(0), ...loading.map((path) => reads(path, as(0))))
    expect(found()).toEqual([['run /bin/tool', loading]])
    expect(alerts.list({ limit: 9 })).toMatchObject([{ count: 1 }])
    happens(reads('/lib/libc.so.6', as(0)))
    expect(found()).toEqual([['run /bin/tool', loading]])
  })

  it('are part of it too where the program is the interpreter of a foreign script', () => {
    const script = '/srv/job.sh'
    const where = { ...as(0), script }
    const foreign = (event: ActEvent): ActEvent => ({
      ...event,
      process: { ...event.process, drift: true },
    })
    const exec = { path: '/bin/tool', script, drift: true, scriptDrift: true }
    const ran = { ...runs(0), kind: 'exec', exec } as const
    const read = [...loading, script].map((path) =>
      foreign(reads(path, where, path === script ? 'container' : 'image')),
    )
    happens(ran, ...read, foreign(reads('/etc/words', where)))
    expect(found()).toEqual([
      [expect.stringContaining('run /bin/tool (script /srv/job.sh)'), [...loading, script]],
      ['read /etc/words', undefined],
    ])
  })

  it('are expected once a person allows the run, and not before', () => {
    const events = loading.map((path) => reads(path, as(0)))
    expect(happens(runs(0), ...events)).toEqual(Array(4).fill('deviation'))
    expect(happens(...events)).toEqual(Array(3).fill('deviation'))
    const decision = { kind: 'approved', by: 'test', at: new Date(start).toISOString() } as const
    allowEvent(version(), runs(0), decision)
    expect(happens(...events)).toEqual(Array(3).fill('expected'))
  })

  it.each([
    ['of a file that the build does not imply', reads('/etc/words', as(0))],
    ['of a file that was replaced', reads('/lib/libc.so.6', as(0), 'container')],
    ['as another user', reads('/lib/libc.so.6', as(34))],
    ['in another container', reads('/lib/libc.so.6', { ...as(0), container: 'f'.repeat(64) })],
    [
      'that the kernel stopped',
      { ...reads('/lib/libc.so.6', as(0)), enforced: 'blocked' } as const,
    ],
    ['of another program', reads('/lib/libc.so.6', as(0, '/bin/large'))],
  ])('do not hide a read %s', (_, event) => {
    happens(runs(0), event)
    expect(found()).toEqual([
      ['run /bin/tool', undefined],
      [expect.stringContaining('read '), undefined],
    ])
  })

  it('have alerts where the run has none that is open', () => {
    happens(reads('/lib/libc.so.6', as(0)))
    expect(found()).toEqual([['read /lib/libc.so.6', undefined]])
    happens(runs(0))
    const run = alerts.list({ limit: 1 })[0]
    alerts.decide(run!.id, { kind: 'acknowledged', by: 'test', at: run!.time })
    happens(reads('/etc/ld.so.cache', as(0)))
    expect(found().map(([, loaded]) => loaded)).toEqual([undefined, undefined, undefined])
  })

  it('have an alert beyond those that the alert of the run has room for', () => {
    happens(runs(0, '/bin/large'))
    happens(...many.map((name) => reads(`/lib/${name}`, as(0, '/bin/large'))))
    const [run, beyond, ...others] = alerts.list({ limit: 9 }).toReversed()
    expect(others).toEqual([])
    expect(run?.loaded).toHaveLength(loadedKept)
    expect(beyond?.cause?.names).toBe(2)
  })
})
