import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { KernelReading } from '../../fixtures/kernel-reading.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { act, learned, outcome, shaper, verdictOn } from '../../fixtures/event-fixture.ts'

/** A connection to an address that DNS answers of the container name. */
function named(name: string, address: string, port = 443): ActEvent {
  const event = act.connect(address, port)
  if (event.kind !== 'connect') throw new Error('no connection')
  return { ...event, connect: { ...event.connect, name } }
}

/** Whether matcher and kernel rules agree, and what they say. */
function judged(profile: Profile, event: ActEvent): string {
  const { profile: rules } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  const reading = new KernelReading(rules)
  const isAllowed = behavioursOf(event, shaper).every(
    (ref) => reading.evaluate(ref)?.verdict === 'allow',
  )
  expect(isAllowed).toBe(outcome(profile, event) === 'expected')
  return outcome(profile, event)
}

const resolver = act.connect('10.0.0.2', 53, {}, 'udp')
const byName = learned(resolver, named('api.test.', '192.0.2.1'), named('api.test.', '192.0.2.2'))

describe('a peer that DNS answers name', () => {
  it('is its name: any address, and one behaviour', () => {
    expect(judged(byName, named('api.test.', '198.51.100.7'))).toBe('expected')
    expect(byName.entries().filter(({ object }) => object.kind === 'connect')).toHaveLength(2)
  })

  it('is another one by another name or port, whatever its address', () => {
    expect(judged(byName, named('other.test.', '192.0.2.1'))).toBe('deviation')
    expect(judged(byName, named('api.test.', '192.0.2.1', 22))).toBe('deviation')
  })

  it('is not the container or workload of that name', () => {
    expect(judged(byName, named('api.test', '192.0.2.1'))).toBe('deviation')
    const byWorkload = learned(named('user-db', '10.0.0.9', 5432))
    expect(judged(byWorkload, named('user-db.', '10.0.0.9', 5432))).toBe('deviation')
  })

  it('may be known by its address, and by a block of them', () => {
    const byAddress = learned(act.connect('192.0.2.1', 443))
    expect(judged(byAddress, named('api.test.', '192.0.2.1'))).toBe('expected')
    expect(judged(byAddress, named('api.test.', '192.0.2.2'))).toBe('deviation')
  })
})

describe('an address without a name', () => {
  it('is a deviation that says so, where the program finds all its peers by name', () => {
    const [reason] = verdictOn(byName, act.connect('192.0.2.1', 443)).reasons
    expect(reason).toBe(
      '/usr/sbin/nginx (uid 101) has never connected to tcp 192.0.2.1:443 in this image; it normally connects to tcp api.test.:443, udp 10.0.0.2:53; no DNS answer of this container names it',
    )
  })

  it('is only a deviation where the program also connects to addresses', () => {
    const mixed = learned(named('api.test.', '192.0.2.1'), act.connect('10.0.0.7', 5432))
    const [reason] = verdictOn(mixed, act.connect('192.0.2.9', 443)).reasons
    expect(reason).not.toContain('DNS')
  })
})
