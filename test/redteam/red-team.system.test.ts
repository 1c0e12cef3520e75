import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seedOfRun } from '../fixtures/seed.ts'
import { attack, sumOf } from './campaign.ts'
import type { Composition } from './composition.ts'
import { Field } from './field.ts'
import { thisKernel } from './ground.ts'
import { judged, type Result } from './oracle.ts'

/** A failure prints it, so that `make redteam REDTEAM='--seed N'` repeats it. */
const seed = seedOfRun()
/** Of so many, each act, way and moment comes up many times. */
const sample = 1_000

let field: Field
beforeAll(async () => {
  field = await Field.open(thisKernel())
})
afterAll(() => field.close())

describe('attacks that are composed at random', () => {
  it(`are never silent, and their actions are never untrue (seed ${seed})`, async () => {
    const outcome = await attack(field, { seed, count: sample, size: 40 })
    expect(outcome.tried).toBe(sample)
    expect(outcome.broken, `seed ${seed}\n${outcome.broken.join('\n')}`).toEqual([])
    // Else the program that attacks does not work, and nothing was shown.
    expect(outcome.findings.true).toBeGreaterThan(outcome.tried / 2)
    expect(sumOf(outcome.admitted)).toBeGreaterThan(outcome.tried / 20)
  })
})

const plain: Composition = { act: 'read', names: [], via: 'at', runs: [], moment: 'later' }

async function resultOf(composition: Composition): Promise<Result> {
  const [batch] = await field.run([composition])
  const [result] = batch === undefined ? [] : judged(batch)
  if (result === undefined) throw new Error('no result')
  return result
}

describe('the object is named', () => {
  it.each([
    ['a root folder that is the working folder', { act: 'chroot', names: ['relative'] }],
    ['a root folder by a symbolic link of /proc', { act: 'chroot', names: ['path-fd'] }],
    ['a mount relative to the working folder', { act: 'mount', names: ['relative'] }],
    ['a tree of mounts in the working folder', { act: 'open-tree', names: ['relative'] }],
    ['a file by io_uring, by the descriptor of its folder', { via: 'ring', names: ['folder-fd'] }],
    [
      'a folder that io_uring makes in the working folder',
      { act: 'mkdir', via: 'ring', names: ['relative'] },
    ],
    ['code that was mapped as data before', { act: 'map-later' }],
    ['the same by the 32-bit table', { act: 'map-later', via: 'compat' }],
  ] as const satisfies readonly (readonly [string, Partial<Composition>])[])(
    'of %s',
    async (_, it) => {
      const result = await resultOf({ ...plain, ...it })
      expect(result.finding).toBe('true')
      expect(result.witnesses).not.toEqual([])
    },
  )
})

describe('the oracle', () => {
  it('sees what a process that shares descriptors reads', async () => {
    const result = await resultOf({ ...plain, runs: ['shared-table'] })
    expect(result).toMatchObject({ effect: true, finding: 'true' })
    expect(result.witnesses.map(({ enforced }) => enforced)).toContain('missed')
  })

  it('sees nothing where the process was killed in time', async () => {
    const result = await resultOf(plain)
    expect(result).toMatchObject({ effect: false, finding: 'true' })
    expect(result.witnesses.map(({ enforced }) => enforced)).toEqual(['killed'])
  })

  it('takes no socket that is there anyway for one of an attack, whatever came before it', async () => {
    const chroot = { act: 'chroot', runs: ['orphan', 'shared-table', 'handler'] } as const
    const pair = [{ ...plain, act: 'raw-socket', via: 'ring' } as const, { ...plain, ...chroot }]
    const batches = await field.run([...pair, ...pair, ...pair, ...pair])
    const found = batches.flatMap((batch) => judged(batch).map(({ finding }) => finding))
    expect(new Set(found)).toEqual(new Set(['true']))
    expect(found).toHaveLength(8)
  })

  it('calls an act silent that no event names, and untrue one that is said to be stopped', async () => {
    const [batch] = await field.run([{ ...plain, act: 'unlink' }])
    if (batch === undefined) throw new Error('no batch')
    const [quiet] = judged({ ...batch, events: [] })
    expect(quiet?.finding).toBe('silent')
    const events = batch.events.map((event) => ({ ...event, enforced: 'killed' as const }))
    expect(judged({ ...batch, events })[0]?.finding).toBe('untrue')
  })
})
