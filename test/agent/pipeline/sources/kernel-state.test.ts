import { describe, expect, it } from 'vitest'
import { compileKernel } from '../../../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../../../src/core/compile/kernel-profile.ts'
import { KernelState } from '../../../../src/agent/pipeline/sources/ebpf/kernel-state.ts'
import { encodeProfile } from '../../../../src/agent/pipeline/sources/ebpf/profile-encoder.ts'
import { act, learned } from '../../../fixtures/event-fixture.ts'

/** One that takes names of any place: the automaton is most of it. */
function withPlaces(): KernelProfile {
  const names = Array.from({ length: 40 }, (_, n) =>
    act.file(`/srv/data/note-${n}.txt`, ['create', 'write']),
  )
  const shippedMatching = (): readonly string[] => []
  const { profile } = compileKernel(learned(...names), { now: 0, shippedMatching })
  expect(profile.automaton.accept.length).toBeGreaterThan(10)
  return profile
}

const hasAll = (state: KernelState, commands: Buffer): boolean =>
  [...state.all()].some((each) => each.equals(commands))

describe('profiles that a new sensor gets again', () => {
  it('are those that were sent, also once they are kept in a tenth of their size', async () => {
    const profile = withPlaces()
    const state = new KernelState()
    const sent = state.profile(7, profile)
    expect(sent.equals(encodeProfile(7, profile, 1))).toBe(true)
    expect(state.kept).toBe(sent.length)
    expect(hasAll(state, sent)).toBe(true)
    await expect.poll(() => state.kept).toBeLessThan(sent.length / 10)
    expect(hasAll(state, sent)).toBe(true)
  })

  it('are the last ones, whatever was compressed last', async () => {
    const profile = withPlaces()
    const state = new KernelState()
    const first = state.profile(7, profile)
    const last = state.profile(7, { ...profile, rules: profile.rules.slice(1) })
    await expect.poll(() => state.kept).toBeLessThan(last.length / 10)
    expect(hasAll(state, last)).toBe(true)
    expect(hasAll(state, first)).toBe(false)
    state.profile(7, undefined)
    expect(state.kept).toBe(0)
  })

  it('come back with the next container, where the kernel had given up their place', async () => {
    const state = new KernelState()
    const sent = state.profile(7, withPlaces())
    await expect.poll(() => state.kept).toBeLessThan(sent.length / 10)
    expect(state.evicted(7, () => false).length).toBe(0)
    expect(state.assign('c1', 7).subarray(0, sent.length).equals(sent)).toBe(true)
  })
})
