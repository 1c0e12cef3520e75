import { describe, expect, it } from 'vitest'
import type { DecidedSpec, SpecEntry } from '../../../src/core/lifecycle/decided-spec.ts'
import { authorAnswer } from '../../../src/ci/admission/author-review.ts'

/** Mallory may change ImageProfiles, and wants the audit log to name somebody else. */
const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const [first, second] = [`b${'1'.repeat(20)}`, `b${'2'.repeat(20)}`]
const nowMs = Date.parse('2026-11-24T12:00:00.000Z')
const at = (minutes: number): string => new Date(nowMs + minutes * 60_000).toISOString()
const consoleIn = (namespace: string): string => `system:serviceaccount:${namespace}:snug-console`
/** As the webhook is configured. */
const consoleNamespaces = ['security']

interface Profile {
  readonly spec: DecidedSpec
}
type Written = Readonly<Record<string, unknown>>

const profile = (spec: Written): { readonly spec: Written } => ({ spec: { image, ...spec } })
const approve = (behaviour: string, claimed: Written = {}): Written => ({
  behaviour,
  action: 'approve',
  ...claimed,
})

function reviewOf(username: string, object: unknown, oldObject?: unknown): object {
  const resource = { group: 'snug.dev', version: 'v1alpha1', resource: 'imageprofiles' }
  const operation = oldObject === undefined ? 'CREATE' : 'UPDATE'
  const request = { uid: 'u-1', resource, operation, userInfo: { username }, object, oldObject }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }
}

/** The object as the API server stores it after the answer. */
function admitted(username: string, minutes: number, object: object, before?: object): Profile {
  const review = reviewOf(username, object, before)
  const { response } = authorAnswer(review, consoleNamespaces, nowMs + minutes * 60_000) as {
    readonly response: { readonly allowed: boolean; readonly patch?: string }
  }
  expect(response.allowed).toBe(true)
  const stored = structuredClone(object)
  const patch = Buffer.from(response.patch ?? btoa('[]'), 'base64').toString()
  for (const { path, value } of JSON.parse(patch) as { path: string; value: string }[]) {
    const [member = '', ...inside] = path.slice(1).split('/').reverse()
    let target = stored as Record<string, unknown>
    for (const key of inside.reverse()) target = target[key] as Record<string, unknown>
    target[member] = value
  }
  return stored as Profile
}

const entryOf = ({ spec }: Profile, behaviour: string): SpecEntry | undefined =>
  spec.decisions?.find((each) => each.behaviour === behaviour)

describe('the author of a decision', () => {
  it('is the user of the request that brought it, and stays so when others change the object', () => {
    const one = admitted('ann', 0, profile({ decisions: [approve(first)] }))
    const mode = { value: 'block' }
    const two = admitted(
      'bob',
      1,
      profile({ mode, decisions: [approve(second), ...(one.spec.decisions ?? [])] }),
      one,
    )
    expect(entryOf(two, first)).toMatchObject({ by: 'user:ann', at: at(0) })
    expect(entryOf(two, second)).toMatchObject({ by: 'user:bob', at: at(1) })
    expect(two.spec.mode).toEqual({ value: 'block', by: 'user:bob', at: at(1) })
    // Git applies the same again and again, without an author, or with one from before.
    for (const written of [{}, { by: 'ann', at: at(-5) }]) {
      const applied = profile({ mode, decisions: [approve(first, written)] })
      const three = admitted('flux', 2, applied, two)
      expect(three.spec.mode).toEqual(two.spec.mode)
      expect(entryOf(three, first)).toEqual(entryOf(one, first))
    }
  })

  it('is that of who closed an incident, and of who changes what it closes', () => {
    const alerts = [{ node: 'n1', severity: 'high', ids: ['01'] }]
    const incident = { id: 'c1', incident: '01 n1', title: 'x', reason: 'an exercise', alerts }
    const one = admitted('ann', 0, profile({ closings: [{ ...incident, by: 'mallory' }] }))
    expect(one.spec.closings).toEqual([{ ...incident, by: 'user:ann', at: at(0) }])
    expect(admitted('sam', 1, one, one).spec).toEqual(one.spec)
    for (const change of [{ reason: 'x' }, { alerts: [{ ...alerts[0], ids: ['01', '02'] }] }]) {
      const other = profile({ closings: [{ ...one.spec.closings?.[0], ...change }] })
      const [changed] = admitted('eve', 2, other, one).spec.closings ?? []
      expect(changed).toMatchObject({ ...change, by: 'user:eve', at: at(2) })
    }
  })

  it('is that of who ordered a hold, and that of who released it', () => {
    const order = { id: 'h1', level: 'network', until: at(60), reason: 'a web shell' }
    const one = admitted('ann', 0, profile({ holds: [{ ...order, by: 'mallory' }] }))
    expect(one.spec.holds).toEqual([{ ...order, by: 'user:ann', at: at(0) }])
    const claimed = { by: 'ann', at: at(-9) }
    const two = admitted(
      'bob',
      1,
      profile({ holds: [{ ...one.spec.holds?.[0], released: claimed }] }),
      one,
    )
    const released = { by: 'user:bob', at: at(1) }
    expect(two.spec.holds).toEqual([{ ...order, by: 'user:ann', at: at(0), released }])
    expect(admitted('sam', 2, two, two).spec).toEqual(two.spec)
    const { released: _, ...again } = two.spec.holds?.[0] ?? { released: undefined }
    const resumed = admitted('eve', 2, profile({ holds: [again] }), two)
    expect(resumed.spec.holds).toEqual([{ ...order, by: 'user:eve', at: at(2) }])
    const longer = profile({ holds: [{ ...two.spec.holds?.[0], until: at(90) }] })
    expect(admitted('sam', 3, longer, two).spec.holds?.[0]).toMatchObject({
      by: 'user:sam',
      at: at(3),
      released,
    })
  })

  it('is another one where the action, the reason or the mode is another one', () => {
    const before = admitted(
      'ann',
      0,
      profile({ mode: { value: 'alert' }, decisions: [approve(first)] }),
    )
    const [known] = before.spec.decisions ?? []
    for (const change of [{ action: 'reject' }, { reason: 'x' }]) {
      const after = admitted('bob', 1, profile({ decisions: [{ ...known, ...change }] }), before)
      expect(entryOf(after, first)).toEqual({ ...known, ...change, by: 'user:bob', at: at(1) })
    }
    const mode = { ...before.spec.mode, value: 'block' }
    expect(admitted('bob', 1, profile({ mode }), before).spec.mode).toEqual({
      value: 'block',
      by: 'user:bob',
      at: at(1),
    })
    // Repeated: it counts again.
    const repeated = profile({ decisions: [{ ...known, by: 'bob', at: at(5) }] })
    expect(entryOf(admitted('bob', 1, repeated, before), first)?.by).toBe('user:bob')
  })

  it('is not what the client writes, when it creates, changes or only renames', () => {
    const forged = { by: 'user:ann', at: at(600) }
    const made = admitted('mallory', 0, profile({ decisions: [approve(first, forged)] }))
    expect(entryOf(made, first)).toMatchObject({ by: 'user:mallory', at: at(0) })
    const before = admitted('ann', 0, profile({ decisions: [approve(first)] }))
    const renamed = profile({ decisions: [approve(first, { by: 'user:bob', at: at(0) })] })
    expect(entryOf(admitted('mallory', 1, renamed, before), first)).toEqual(entryOf(before, first))
    const consoles = approve(first, { by: 'console:oidc:rita', at: at(0) })
    const asRita = admitted('mallory', 0, profile({ decisions: [consoles] }))
    expect(entryOf(asRita, first)?.by).toBe('user:mallory')
  })

  it('is the person whom the console has authenticated, and nobody else of its choice', () => {
    const ours = consoleIn('security')
    const decided = (by: string, client = ours) =>
      entryOf(admitted(client, 0, profile({ decisions: [approve(first, { by })] })), first)?.by
    expect(decided('console:oidc:rita')).toBe('console:oidc:rita')
    expect(decided('user:ann')).toBe(`user:${ours}`)
    // Anybody may have an account of this name where they may make accounts.
    for (const client of [
      ...['mallory', 'security-2', 'a:security', ''].map(consoleIn),
      'system:serviceaccount:security:snug-console-2',
      'snug-console',
    ])
      expect(decided('console:oidc:rita', client)).toBe(`user:${client}`)
  })

  it('is as it was written for decisions from before the webhook', () => {
    const old = approve(first, { by: 'kubectl-snug', at: at(-60) })
    const after = admitted(
      'ann',
      0,
      profile({ decisions: [old, approve(second)] }),
      profile({ decisions: [old] }),
    )
    expect(entryOf(after, first)).toEqual(old)
    expect(entryOf(after, second)?.by).toBe('user:ann')
  })

  it('is new for all decisions where the object was of an earlier definition', () => {
    const decisions = [approve(first)]
    const after = admitted('ann', 0, profile({ decisions }), profile({ mode: 'block' }))
    expect(entryOf(after, first)?.by).toBe('user:ann')
  })
})

it('a decision is later than the one that it replaces, though the clock went back', () => {
  const before = admitted('ann', 10, profile({ mode: { value: 'alert' } }))
  const after = admitted('bob', 0, profile({ mode: { value: 'block' } }), before)
  expect(Date.parse(after.spec.mode?.at ?? '')).toBe(Date.parse(at(10)) + 1)
})

it.each([
  undefined,
  {},
  reviewOf('ann', 5),
  reviewOf('', profile({})),
  reviewOf('ann', profile({ decisions: [{ behaviour: first }] })),
  { kind: 'Pod' },
])('what is no review of an ImageProfile is refused by code: %#', (value) => {
  try {
    authorAnswer(value, consoleNamespaces)
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'BODY_INVALID' })
  }
})
