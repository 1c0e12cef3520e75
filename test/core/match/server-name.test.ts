import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { partialObservables } from '../../../src/core/coverage/observable.ts'
import { behaviourKinds } from '../../../src/core/event/event-words.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { judge } from '../../../src/core/match/judge.ts'
import {
  act,
  guardrails,
  learned,
  outcome,
  shaper,
  verdictOn,
} from '../../fixtures/event-fixture.ts'
import { KernelReading } from '../../fixtures/kernel-reading.ts'
import { compileKernel } from '../../fixtures/without-pauses.ts'

const first = '198.51.100.7'

/** The first data of a connection, in which the client names the server. `name`: by DNS. */
function asking(serverName: string, address = first, port = 443, name?: string): ActEvent {
  const event = act.connect(address, port)
  if (event.kind !== 'connect') throw new Error('no connection')
  return {
    ...event,
    connect: { ...event.connect, serverName, ...(name !== undefined && { name }) },
  }
}

/** What the matcher answers; the rules of the kernel have to agree. */
function judged(profile: Profile, event: ActEvent): string {
  const { profile: rules } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  const reading = new KernelReading(rules)
  const isAllowed = behavioursOf(event, shaper).every(
    (ref) => reading.evaluate(ref)?.verdict === 'allow',
  )
  expect(isAllowed).toBe(outcome(profile, event) === 'expected')
  return outcome(profile, event)
}

describe('a server that a client names in TLS', () => {
  const byAddress = learned(act.connect(first, 443), asking('api.example'))

  it('is expected where the window showed it, at any address', () => {
    expect(judged(byAddress, asking('api.example'))).toBe('expected')
    expect(judged(byAddress, asking('api.example', '203.0.113.1'))).toBe('expected')
  })

  it('deviates where it is another one, even if the address and its DNS name are expected', () => {
    expect(judged(byAddress, asking('evil.example'))).toBe('deviation')
    expect(judged(byAddress, asking('evil.example', first, 443, 'api.example.'))).toBe('deviation')
    expect(judged(byAddress, asking('api.example', first, 8443))).toBe('deviation')
  })

  it('deviates where it is hidden, as long as the window did not show that', () => {
    expect(judged(byAddress, asking('?'))).toBe('deviation')
    const hiding = learned(act.connect(first, 443), asking('?'))
    expect(judged(hiding, asking('?'))).toBe('expected')
    expect(judged(hiding, asking('api.example'))).toBe('deviation')
  })

  it('is the peer that a DNS answer names so', () => {
    const event = act.connect(first, 443)
    if (event.kind !== 'connect') throw new Error('no connection')
    const byName = learned({ ...event, connect: { ...event.connect, name: 'api.example.' } })
    expect(judged(byName, asking('api.example'))).toBe('expected')
  })

  it('is one of a wildcard, and none itself', () => {
    const open = learned(
      ...Array.from({ length: 12 }, (_, second) => ({
        ...asking(`${((second + 1) * 0x9e3779b1).toString(16).slice(-8)}.buckets.example`),
        time: `2026-11-24T13:41:${10 + second}.000000Z`,
      })),
    )
    expect(judged(open, asking('77aa88bb.buckets.example'))).toBe('expected')
    expect(judged(open, asking('77aa88bb.others.example'))).toBe('deviation')
    expect(judged(open, asking('*.others.example'))).toBe('deviation')
  })

  it('is stated with the address in the alert', () => {
    expect(verdictOn(byAddress, asking('evil.example')).reasons).toContain(
      'the client asked for this server in TLS, on the connection to 198.51.100.7:443',
    )
    expect(verdictOn(byAddress, asking('?', '2001:db8::7')).reasons).toContain(
      'the client hid in TLS which server it asks for, on the connection to [2001:db8::7]:443',
    )
  })

  it('raises no deviation where no source observed such names while the profile was learned', () => {
    const event = asking('evil.example')
    const verdict = (parts: readonly (typeof partialObservables)[number][]) =>
      judge(byAddress, event, behavioursOf(event, shaper), {
        guardrails,
        observed: new Set([...behaviourKinds, ...parts]),
      })
    expect(verdict([]).outcome).toBe('unprofiled')
    expect(verdict([]).reasons).toContain(
      'no source observed names of servers in TLS while the profile was learned',
    )
    expect(verdict(partialObservables).outcome).toBe('deviation')
  })
})
