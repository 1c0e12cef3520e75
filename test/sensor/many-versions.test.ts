import { afterAll, beforeAll, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { PolicyReport } from '../../src/agent/pipeline/sources/source.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { buildImage, newId, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

/** The sensor holds at most 1,024 versions at a time. */
const versions = 1_100
const blocking = 100
const budget = 1_000_000

const allowed = `read ${hex('/etc/secret')}`
const stopped = ['killed 9', '0']
const forbidden = `+ read ${hex('/etc/private')}`

let image: string
let recorder: Recorder
let profile: KernelProfile

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
  const acts = new Acts(image)
  await acts.did([allowed])
  await recorder.source.obeyed()
  const learned = new Profile(shaper)
  for (const event of recorder.acts(acts.id)) {
    learned.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  await acts.stop()
  profile = compileKernel(learned, { now: 0, shippedMatching: () => [] }).profile
})
afterAll(async () => {
  await recorder.stop()
  removeTree(image)
})

async function outcomesIn(id: string, lines: readonly string[]): Promise<readonly string[]> {
  const acts = new Acts(image, id)
  try {
    return await acts.did(lines)
  } finally {
    await acts.stop()
  }
}

function reports(): readonly PolicyReport[] {
  return recorder.messages.flatMap((m) => (m.type === 'policy' ? [m.report] : []))
}

function scopesOf(kind: 'installed' | 'evicted'): ReadonlySet<number> {
  return new Set(reports().flatMap((report) => (report.kind === kind ? [report.scope] : [])))
}

it('of 1,100 versions those that lost their place block again from their first program', async () => {
  const { control } = recorder.source
  for (let scope = 1; scope <= versions; scope++) {
    control.profile?.(scope, profile)
    control.enforce?.(scope, { mode: scope <= blocking ? 'block' : 'alert', budget })
  }
  await recorder.source.obeyed()
  expect(scopesOf('installed').size).toBe(versions)
  const evicted = scopesOf('evicted')
  expect(evicted.size).toBeGreaterThanOrEqual(versions - 1_024)
  // The least recently sent ones go first: some of those that block.
  expect([...evicted].every((scope) => scope <= blocking)).toBe(true)

  for (let scope = 1; scope <= blocking; scope++) {
    recorder.messages.length = 0
    const id = newId()
    control.assign(id, scope, { enforce: true })
    // An engine announces a container before it starts it.
    await recorder.source.obeyed()
    expect(await outcomesIn(id, [forbidden, allowed]), `version ${scope}`).toEqual(stopped)
    await recorder.source.obeyed()
    const kills = recorder.acts(id).filter(({ enforced }) => enforced === 'killed')
    expect(kills, `version ${scope}`).toHaveLength(1)
    if (!evicted.has(scope)) continue
    expect(reports()).toContainEqual({ kind: 'installed', scope })
    expect(reports()).toContainEqual({ kind: 'enforced', scope, blocks: true })
  }
  expect(recorder.source.stats.facts['restarts']).toBe('0')
})

it('a profile that does not fit leaves its version alerting, and the sensor running', async () => {
  const { control } = recorder.source
  const scope = versions + 1
  const prefixes = Array.from({ length: 5_000 }, (_, i) => ({
    cidr: `10.${i >> 8}.${i & 255}.0/24`,
    number: i + 1,
  }))
  recorder.messages.length = 0
  control.profile?.(scope, { ...profile, prefixes })
  control.enforce?.(scope, { mode: 'block', budget })
  await recorder.source.obeyed()
  expect(reports()).toContainEqual({
    kind: 'failed',
    scope,
    reason: expect.stringContaining('cannot add a block of addresses'),
  })
  expect(reports()).toContainEqual({ kind: 'enforced', scope, blocks: false })

  const id = newId()
  control.assign(id, scope, { enforce: true })
  expect(await outcomesIn(id, [forbidden])).toEqual(['0'])
  await recorder.source.obeyed()
  const read = recorder
    .acts(id)
    .find((event) => event.kind === 'file' && event.file.path === '/etc/private')
  expect(read?.enforced).toBeUndefined()
  expect(read).toBeDefined()

  // The next one fits.
  control.profile?.(scope, profile)
  control.enforce?.(scope, { mode: 'block', budget })
  await recorder.source.obeyed()
  expect(reports()).toContainEqual({ kind: 'installed', scope })
  expect(reports()).toContainEqual({ kind: 'enforced', scope, blocks: true })
  expect(recorder.source.stats.facts['restarts']).toBe('0')
})
