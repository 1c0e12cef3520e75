import { beforeAll, describe, expect, it } from 'vitest'
import { hostAddress, sharedEngine } from '../../fixtures/engine-socket.ts'
import { seedOfRun } from '../../fixtures/seed.ts'
import { attackService, isBroken, type Result } from './campaign.ts'
import { Site } from './site.ts'

/** A failure prints it, so that `make redteam REDTEAM='--campaign service --seed N'` repeats it. */
const seed = seedOfRun()

describe(`attacks on a service that are composed at random (seed ${seed})`, () => {
  let results: readonly Result[]
  beforeAll(async () => {
    results = await Site.with({ ...sharedEngine(), hostAddress: hostAddress() }, (site) =>
      attackService(site, { seed, count: 96, until: Infinity, log: console.log }),
    )
  })

  it('are never silent at a sink, nor untrue there, nor unstopped', () => {
    expect(results.filter(isBroken).map(({ detail }) => detail)).toEqual([])
  })

  it('have their effect where nothing stops them', () => {
    const had = results.filter(({ mode, finding }) => mode === 'alert' && finding === 'true')
    expect(had.length).toBeGreaterThan(results.length / 8)
  })
})
