import { beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { sharersOf } from '../../../../src/agent/decisions/shared-alert.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import { act, type Where } from '../../../fixtures/event-fixture.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }
const service: Where = { exe: '/usr/bin/keeper', uid: 33 }
const written = (path: string, where: Where = service): ActEvent =>
  act.file(path, ['create', 'write'], where)

/** A hard link at the path to a file, or a rename of the path to a name. */
const made = (path: string, access: 'create' | 'rename', to: string): ActEvent =>
  act.file(path, [access], service, { to })

/** What the service does in a repository. */
const inside = (name: string, where = service): readonly ActEvent[] => [
  written(`/srv/kept/${name}/lock`, where),
  written(`/srv/kept/${name}/db/first.rev`, where),
  written(`/srv/kept/${name}/db/second.rev`, where),
  act.file(`/srv/kept/${name}/lock`, ['delete'], where),
]

const lock = written('/srv/kept/site/lock')
const foreign: ActEvent = { ...lock, process: { ...lock.process, drift: true } }

let alerts: AlertStore
let version: () => DeployedVersion
let happens: (...events: readonly ActEvent[]) => void

const found = () =>
  alerts
    .list({ limit: 99 })
    .toReversed()
    .filter(({ novelty }) => novelty !== true)
    .map(({ behaviour, cause, count }) => [cause?.instance ?? behaviour?.object, count])

beforeEach(() => {
  let nowMs = Date.parse('2026-11-24T13:40:00Z')
  const registry = registryWith({ rules, now: () => nowMs })
  const judging = judgingWith({ registry, now: () => nowMs })
  alerts = judging.alerts
  version = () => registry.index.findOne('shop/web')
  happens = (...events) => {
    const messages = events.map((event) => ({ type: 'event' as const, event }))
    judging.stage.judge({ messages, source: 'ebpf' })
  }
  happens(...inside('docs'), written('/srv/kept/docs/hook.sh'), written('/srv/kept/docs/.keep'))
  happens(made('/srv/kept/docs/db/a.rev', 'create', '/srv/kept/docs/db/first.rev'))
  happens(made('/srv/old/a.rev', 'rename', '/srv/kept/docs/db/b.rev'))
  nowMs += 5_000
  endWindow(registry, version(), rules, nowMs)
})

describe('what a service does in a new folder as in one beside', () => {
  it('is one alert, which names both', () => {
    happens(...inside('site'), written('/srv/kept/site/db/third.rev'))
    expect(found()).toEqual([['/srv/kept/site/', 5]])
    const [alert] = alerts.list({ limit: 9 })
    expect(alert).toMatchObject({ severity: 'medium', cause: { place: '/srv/kept/site/' } })
    expect(alert?.reasons).toContain(
      'all that it does below `/srv/kept/site/` as below `/srv/kept/docs/` shares this alert',
    )
    expect(alert?.samples?.map(({ object }) => object)).toContain('/srv/kept/site/db/third.rev')
  })

  it('is another one in the next folder, and in another container', () => {
    happens(...inside('site'), ...inside('wiki'))
    happens(...inside('site', { ...service, container: 'f'.repeat(64) }))
    expect(found()).toEqual([
      ['/srv/kept/site/', 4],
      ['/srv/kept/wiki/', 4],
      ['/srv/kept/site/', 4],
    ])
  })

  it.each([
    ['code, though it is made beside', written('/srv/kept/site/hook.sh')],
    ['a hidden file, though it is made beside', written('/srv/kept/site/.keep')],
    ['a file that is not made beside', written('/srv/kept/site/other')],
    ['another user', written('/srv/kept/site/lock', { ...service, uid: 0 })],
    ['a session', written('/srv/kept/site/lock', { ...service, origin: 'exec-in' })],
    ['a foreign program', foreign],
    ['a name of a file elsewhere', made('/srv/kept/site/db/x.rev', 'create', '/srv/other/x.rev')],
    ['a file from elsewhere', made('/srv/other/first.rev', 'rename', '/srv/kept/site/db/y.rev')],
    ['what the kernel stopped', { ...written('/srv/kept/site/db/x.rev'), enforced: 'blocked' }],
  ] as const)('takes in no %s', (_, event) => {
    happens(...inside('site'), event)
    expect(found().slice(0, 2)).toMatchObject([
      ['/srv/kept/site/', 4],
      [expect.anything(), 1],
    ])
  })

  it('is decided on as one', () => {
    happens(...inside('site'), ...inside('wiki'))
    const alert = alerts.list({ limit: 9 }).find(({ cause }) => cause?.place.includes('site'))
    if (alert === undefined) throw new Error('no alert')
    const sharers = sharersOf(version(), alert, alerts.newestFirst)
    let step = sharers.next()
    while (step.done !== true) step = sharers.next()
    const ids = new Set(step.value)
    const objects = [...version().profile.outline()].flatMap(({ id, object }) =>
      ids.has(id) && object.kind === 'file' ? [`${object.access} ${object.path}`] : [],
    )
    expect(objects.toSorted()).toEqual([
      'delete /srv/kept/site/lock',
      ...['db/first.rev', 'db/second.rev', 'lock'].map((name) => `write /srv/kept/site/${name}`),
    ])
  })
})
