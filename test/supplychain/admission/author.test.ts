import { describe, expect, it } from 'vitest'
import { authorsAnnotation, authorsIn } from '../../../src/core/lifecycle/spec-names.ts'
import { specDecisionOf } from '../../../src/fleet/kubernetes/spec-decision.ts'
import { authorAnswer } from '../../../src/supplychain/admission/author-review.ts'

/** Mallory may change ImageProfiles, and wants the audit log to name somebody else. */
const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const [first, second] = [`b${'1'.repeat(20)}`, `b${'2'.repeat(20)}`]

interface Profile {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly managedFields?: readonly object[]
  }
  readonly spec: object
}
interface Operation {
  readonly op: 'add' | 'remove'
  readonly path: string
  readonly value?: unknown
}

function profile(spec: object, annotations?: Readonly<Record<string, string>>): Profile {
  const metadata = { name: 'x', uid: 'u', resourceVersion: '1' }
  const noted = annotations === undefined ? metadata : { ...metadata, annotations }
  return { metadata: noted, spec: { image, ...spec } }
}

function reviewOf(username: string, object: unknown, oldObject?: unknown): object {
  const resource = { group: 'snug.dev', version: 'v1alpha1', resource: 'imageprofiles' }
  const operation = oldObject === undefined ? 'CREATE' : 'UPDATE'
  const request = { uid: 'u-1', resource, operation, userInfo: { username }, object, oldObject }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }
}

/** The object as the API server stores it after the answer. */
function admitted(username: string, object: Profile, before?: Profile): Profile {
  const { response } = authorAnswer(reviewOf(username, object, before)) as {
    readonly response: { readonly allowed: boolean; readonly patch?: string }
  }
  expect(response.allowed).toBe(true)
  if (response.patch === undefined) return object
  const operations = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as Operation[]
  const stored = structuredClone(object) as { metadata: { annotations?: Record<string, string> } }
  for (const { op, path, value } of operations) {
    const name = path.split('/')[3]?.replace('~1', '/')
    if (name === undefined) stored.metadata.annotations = value as Record<string, string>
    else if (op === 'remove') delete stored.metadata.annotations?.[name]
    else stored.metadata.annotations = { ...stored.metadata.annotations, [name]: value as string }
  }
  return stored as Profile
}

const authorOf = (stored: Profile, name: string): string | undefined =>
  authorsIn(stored.metadata.annotations?.[authorsAnnotation]).get(name)

describe('the author of a decision', () => {
  it('is the user of the request that brought it, and stays so when others change the object', () => {
    const one = admitted('ann', profile({ approve: { behaviours: [first] } }))
    const two = admitted(
      'bob',
      profile(
        { mode: 'block', approve: { behaviours: [first, second] } },
        one.metadata.annotations,
      ),
      one,
    )
    expect(authorOf(two, `approve ${first}`)).toBe('ann')
    expect(authorOf(two, `approve ${second}`)).toBe('bob')
    expect(authorOf(two, 'mode block')).toBe('bob')
    // Another value is another decision; one that is gone has no author.
    const three = admitted('ann', profile({ mode: 'alert' }, two.metadata.annotations), two)
    expect([...authorsIn(three.metadata.annotations?.[authorsAnnotation])]).toEqual([
      ['mode alert', 'ann'],
    ])
  })

  it('is not what the client writes, when it creates, changes or only annotates the object', () => {
    const forged = { [authorsAnnotation]: JSON.stringify({ ann: ['mode learn'] }) }
    const made = admitted('mallory', profile({ mode: 'learn' }, forged))
    expect(authorOf(made, 'mode learn')).toBe('mallory')
    const before = admitted('ann', profile({ mode: 'block' }))
    const changed = admitted('mallory', profile({ mode: 'learn' }, forged), before)
    expect(authorOf(changed, 'mode learn')).toBe('mallory')
    const noted = { [authorsAnnotation]: JSON.stringify({ bob: ['mode block'] }) }
    const annotated = admitted('mallory', profile({ mode: 'block' }, noted), before)
    expect(authorOf(annotated, 'mode block')).toBe('ann')
    const cleared = admitted('mallory', profile({ mode: 'block' }), before)
    expect(authorOf(cleared, 'mode block')).toBe('ann')
    expect(admitted('mallory', profile({}, forged)).metadata.annotations).toEqual({})
  })

  it('is unknown for decisions from before the webhook', () => {
    const before = profile({ mode: 'block' })
    const after = admitted('mallory', profile({ mode: 'block', approve: { all: true } }), before)
    expect(authorOf(after, 'mode block')).toBeUndefined()
    expect(authorOf(after, 'approve all')).toBe('mallory')
  })

  it('is named to the reader only where admission is there, else as the name of the client', () => {
    const stored = admitted('mallory', profile({ mode: 'learn' }))
    const managers = [
      { manager: 'ann', time: '2026-11-24T12:00:00Z', fieldsV1: { 'f:spec': { 'f:mode': {} } } },
    ]
    const read = { ...stored, metadata: { ...stored.metadata, managedFields: managers } } as never
    expect(specDecisionOf(read, true).mode?.by).toBe('user:mallory')
    expect(specDecisionOf(read).mode?.by).toBe('field-manager:ann')
  })
})

it('an object with more decisions than an annotation can hold is refused', () => {
  const behaviours = Array.from({ length: 9_000 }, (_, at) => `b${String(at).padStart(20, '0')}`)
  const answer = authorAnswer(reviewOf('ann', profile({ approve: { behaviours } })))
  expect(answer).toMatchObject({ response: { allowed: false, status: { code: 403 } } })
})

it.each([undefined, {}, reviewOf('ann', 5), reviewOf('', profile({})), { kind: 'Pod' }])(
  'what is no review of an ImageProfile is refused by code: %#',
  (value) => {
    try {
      authorAnswer(value)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'BODY_INVALID' })
    }
  },
)
