import { beforeEach, expect, it } from 'vitest'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import { startersOf } from '../../../../src/agent/records/versions/starters.ts'
import type { VersionRegistry } from '../../../../src/agent/records/versions/version-registry.ts'
import { behaviourView } from '../../../../src/agent/reading/views.ts'
import type { Starter } from '../../../../src/core/lifecycle/starter.ts'
import { setMode } from '../../../../src/core/lifecycle/version.ts'
import type { Mode } from '../../../../src/core/lifecycle/mode.ts'
import { act, feed, outcome } from '../../../fixtures/event-fixture.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const time = '2026-11-24T13:40:27.123456Z'
const nowMs = Date.parse(time)
const image = { repository: 'shop/web', digest: 'sha256:aa' }
const actor = { exe: '/usr/sbin/nginx' }
const grants = [{ origin: 'entrypoint' }] as const
const reads = (path: string) => ({ kind: 'file', access: 'read', path }) as const
const starter: Starter = {
  name: 'nginx',
  packages: new Set(['nginx']),
  behaviours: ['/etc/mime.types', '/etc/hosts'].map((path) => {
    return { actor, as: 'account', object: reads(path), grants }
  }),
}
const packages = { ownerOf: () => ({ name: 'nginx', version: '1' }) }

let registry: VersionRegistry
let version: DeployedVersion
let gone: readonly string[]
let atMs: number

beforeEach(() => {
  registry = registryWith({ starters: (one) => startersOf(one, [starter], packages) })
  version = registry.ofImage(image, time)
  version.identity = { id: 'c1', name: 'web', image, pid: 1 } as never
  gone = []
  atMs = nowMs
  registry.events.on('inherited-expired', (_, entries) => {
    gone = entries.map(({ object }) => ('path' in object ? object.path : ''))
  })
  feed(version.profile, [act.file('/etc/hosts')])
})

/** Long after the one before, so that no gate is shut. */
function move(mode: Mode): void {
  const { lifecycle } = registry
  atMs += 60_000
  const evidence = { ...lifecycle.evidence(version, atMs), startSeen: true, unobserved: [] }
  const step = setMode(version.life, mode, evidence, lifecycle.rules, atMs, 'cli:root')
  lifecycle.apply(version, step)
}

it('adds nothing to what is judged while it learns, and what it has once the window ended', () => {
  expect(version.profile.entries()).toHaveLength(1)
  move('alert')
  expect(outcome(version.profile, act.file('/etc/mime.types'))).toBe('expected')
  expect(outcome(version.profile, act.file('/etc/motd'))).toBe('deviation')
  expect(outcome(version.profile, act.file('/etc/mime.types', ['write']))).toBe('deviation')
  const [view] = [...version.profile.outline()]
    .filter(({ onlyInherited }) => onlyInherited)
    .map((entry) => behaviourView(entry, version.profile, nowMs))
  expect(view).toMatchObject({ state: 'learned', inherited: true, count: 0 })
  expect(view?.why).toBe(
    'in the starter profile `nginx`, not observed in this version yet: expected until it blocks',
  )
})

it('drops what the version never showed once it blocks, and keeps what it did', () => {
  move('alert')
  feed(version.profile, [act.file('/etc/mime.types')], 'later')
  move('block')
  expect(gone).toEqual([])
  expect(outcome(version.profile, act.file('/etc/mime.types'))).toBe('expected')
})

it('is not expected in block mode by a starter profile alone', () => {
  move('alert')
  move('block')
  expect(gone).toEqual(['/etc/mime.types'])
  expect(outcome(version.profile, act.file('/etc/mime.types'))).toBe('deviation')
  expect(outcome(version.profile, act.file('/etc/hosts'))).toBe('expected')
})

it('gives nothing to an image whose program another package brought', () => {
  const ownerOf = () => ({ name: 'mine', version: '1' })
  expect(startersOf(version, [starter], { ownerOf })).toEqual([])
  expect(startersOf(version, [starter], packages)).toHaveLength(2)
})

it('leaves what the version before passed on as it is', () => {
  const uid = 101
  const [entry] = startersOf(version, [starter], packages).filter(
    ({ object }) => 'path' in object && object.path === '/etc/mime.types',
  )
  if (entry === undefined) throw new Error('no entry')
  const inherited = { from: 'sha256:old', grants: [] }
  version.profile.merge([{ ...entry, uid, inherited }])
  expect(startersOf(version, [starter], packages).map(({ object }) => object)).toEqual([
    reads('/etc/hosts'),
  ])
})
