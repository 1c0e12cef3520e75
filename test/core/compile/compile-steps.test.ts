import { expect, it } from 'vitest'
import { compileSteps } from '../../../src/core/compile/compile-kernel.ts'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import { finish } from '../../../src/core/steps.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'

const options = { now: 0, shippedMatching: () => [] }

it('A profile that is compiled with pauses is that of the first step, whatever is decided meanwhile', () => {
  const programs = Array.from({ length: 40 }, (_, n) => act.exec(`/bin/a${n}`))
  const spool = (from: number) =>
    Array.from({ length: 40 }, (_, n) => {
      const name = Math.imul(from + n + 1, 0x9e3779b1) >>> 0
      return act.file(`/var/spool/x/${name.toString(16).padStart(8, '0')}.tmp`, ['create'])
    })
  const profile = learned(...programs, ...spool(0))
  const before = compileKernel(profile, options).profile
  const [first] = [...profile.all()]
  const steps = compileSteps(profile, options)
  let pauses = 0
  while (steps.next().done !== true && pauses < 3) pauses += 1
  expect(pauses).toBe(3)
  feed(profile, [act.exec('/bin/later'), ...spool(1_000)])
  if (first !== undefined) {
    profile.decide(first.id, { kind: 'rejected', by: 'x', at: '2026-11-24T13:40:27.123Z' })
  }
  const compiled = finish(steps)
  expect(compiled.profile).toEqual(before)
  expect(compileKernel(profile, options).profile).not.toEqual(before)
})
