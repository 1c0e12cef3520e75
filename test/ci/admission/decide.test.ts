import { describe, expect, it } from 'vitest'
import { actionOf, decide, type ImageOutcome } from '../../../src/ci/admission/decide.ts'
import { judgeImage } from '../../../src/ci/admission/judge-image.ts'
import { podImage } from '../../../src/ci/admission/pod-image.ts'
import { parseReview, reviewAnswer } from '../../../src/ci/admission/review.ts'
import type { SnugError } from '../../../src/errors.ts'
import {
  digestOf,
  gateOf,
  good,
  podOf,
  policyOf,
  requirements,
  reviewOf,
  trusted,
} from '../../fixtures/admission-fixtures.ts'

const fine: ImageOutcome = { name: 'reg/a:1', faults: [] }
const faulty: ImageOutcome = { name: 'reg/b:1', faults: ['no profile is attached'] }
const unknown: ImageOutcome = { name: 'reg/c:1', faults: [], unknown: 'it is down' }

describe('a pod', () => {
  it.each([
    ['deny', 'refused', false],
    ['warn', 'warned', true],
    ['audit', 'noted', true],
    ['ignore', 'ignored', true],
  ] as const)(
    'with a faulty image gets the action of its namespace: %s',
    (action, verdict, allowed) => {
      expect(decide(action, false, [fine, faulty])).toMatchObject({ verdict, allowed })
      expect(decide(action, false, [fine]).verdict).toBe(
        action === 'ignore' ? 'ignored' : 'admitted',
      )
    },
  )

  it('whose image cannot be verified is admitted where it fails open, and refused where it fails closed', () => {
    expect(decide('deny', false, [fine, unknown])).toMatchObject({
      verdict: 'undecided',
      allowed: true,
      warns: true,
    })
    expect(decide('deny', true, [fine, unknown])).toMatchObject({
      verdict: 'refused',
      allowed: false,
    })
    // Without action `deny` an unknown image is no reason to refuse, as a fault is none.
    expect(decide('warn', true, [unknown])).toMatchObject({ verdict: 'undecided', allowed: true })
    expect(decide('audit', true, [unknown])).toMatchObject({ allowed: true, warns: false })
    expect(decide('ignore', true, [unknown])).toMatchObject({ verdict: 'ignored', reasons: [] })
  })

  it('with a faulty and an unverified image is refused for the fault, and both are named', () => {
    const { verdict, reasons } = decide('deny', false, [unknown, faulty])
    expect(verdict).toBe('refused')
    expect(reasons).toEqual([
      'reg/b:1: no profile is attached',
      'reg/c:1: cannot verify it: it is down',
    ])
  })

  it('without an image that is new is admitted', () => {
    expect(decide('deny', true, [])).toMatchObject({ verdict: 'admitted', allowed: true })
  })
})

it('the first rule that has the namespace counts, else the action of all others', () => {
  const action = actionOf(
    policyOf({
      namespaces: [
        { names: ['kube-*', 'snug'], action: 'ignore' },
        { names: ['kube-public', 'team-*'], action: 'warn' },
      ],
    }),
  )
  expect(['kube-public', 'snug', 'team-a', 'shop', ''].map(action)).toEqual([
    'ignore',
    'ignore',
    'warn',
    'deny',
    'deny',
  ])
})

describe('an image', () => {
  const faults = (evidence: Parameters<typeof judgeImage>[0], more = {}) =>
    judgeImage(evidence, { ...requirements, ...more }).faults

  it('is trusted with the required evidence, and only that is checked', () => {
    expect(faults(trusted)).toEqual([])
    expect(faults({})).toEqual([])
  })

  it('is not trusted where evidence is missing or refused, or the gate is closed', () => {
    expect(faults({ ...trusted, profile: { kind: 'missing' } })).toEqual([
      'no profile is attached (ATTESTATION_MISSING)',
    ])
    const refused = { kind: 'refused', code: 'SIGNER_UNKNOWN', because: 'nobody knows it' } as const
    expect(faults({ ...trusted, gate: refused })).toEqual([
      'its result of a gate is not trusted: nobody knows it (SIGNER_UNKNOWN)',
    ])
    expect(faults({ ...trusted, gate: good(gateOf(false)) })).toEqual([
      'its gate is shut: 2 findings need a decision',
    ])
  })

  it('is valid until the first of its evidence expires', () => {
    const [soon, late] = ['2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z']
    const both = { profile: good({}, late), gate: good(gateOf(true), soon) }
    expect(judgeImage(both, requirements).until).toBe(Date.parse(soon))
    expect(judgeImage(trusted, requirements).until).toBeUndefined()
  })

  it('is held to its bases on every platform', () => {
    const [a, b, c] = ['a', 'b', 'c'].map(digestOf) as [string, string, string]
    const ours = { name: 'ours', layers: [a, b] }
    const theirs = { name: 'theirs', layers: [c] }
    const on = (...platforms: string[][]) => ({ ...trusted, platforms })
    const bases = { approvedBases: [ours], forbiddenBases: [theirs] }
    expect(faults(on([a, b, c], [a, b]), bases)).toEqual([])
    expect(faults(on([a, b], [a]), bases)).toEqual([
      'its lowest layers are those of no approved base (ours)',
    ])
    expect(faults(on([a, b], [c, a, b]), bases)).toEqual([
      'it is built on theirs, which is forbidden',
    ])
    expect(faults(on([b]), { forbiddenBases: [theirs] })).toEqual([])
  })
})

describe('a name in a pod', () => {
  it.each([
    ['nginx', 'docker.io', 'registry-1.docker.io library/nginx latest'],
    ['user/web:1', 'docker.io', 'registry-1.docker.io user/web 1'],
    ['docker.io/nginx', 'docker.io', 'registry-1.docker.io library/nginx latest'],
    ['localhost/web', 'localhost', 'localhost web latest'],
    ['reg.local:5000/shop/web:1', 'reg.local:5000', 'reg.local:5000 shop/web 1'],
    ['[::1]:5000/web', '[::1]:5000', '[::1]:5000 web latest'],
    [
      `reg.local:5000/web:1@${digestOf('a')}`,
      'reg.local:5000',
      `reg.local:5000 web ${digestOf('a')}`,
    ],
  ])('means what those that run pods take it for: %s', (name, registry, address) => {
    const found = podImage(name)
    expect(found.registry).toBe(registry)
    expect(Object.values(found.address ?? {}).join(' ')).toBe(address)
    expect(found.byDigest).toBe(name.includes('@'))
  })

  it.each([
    '',
    'Reg.local/Web',
    'reg.local:5000/web@sha256:1',
    'reg.local:5000/web@../../v2/_catalog',
    'reg.local:5000/web:..',
    'reg.local:5000/../web',
    'user:pass@reg.local/web',
    'reg.local:5000/web?x',
    'reg.local:5000/web:1\n',
    ' nginx',
  ])('that is invalid has no address: %j', (name) => {
    expect(podImage(name).address).toBeUndefined()
  })
})

describe('a review', () => {
  const images = (request: object) => parseReview(reviewOf(request)).images

  it('is about the images of containers of every kind, each once', () => {
    const spec = {
      initContainers: [{ image: 'init' }],
      containers: [{ image: 'a' }, { image: 'b' }, { image: 'a' }, { name: 'none' }],
      ephemeralContainers: [{ image: 'debug' }],
    }
    expect(images({ object: { spec } })).toEqual(['init', 'a', 'b', '', 'debug'])
  })

  it('is about the images of volumes too, whose programs run in the pod', () => {
    const containers = [{ image: 'a' }]
    const volumes = [
      { name: 'tmp', emptyDir: {} },
      { name: 'tools', image: { reference: 'evil.example/tools:1' } },
      { name: 'none', image: {} },
    ]
    expect(images({ object: { spec: { containers, volumes } } })).toEqual([
      'a',
      'evil.example/tools:1',
      '',
    ])
  })

  it('of a changed pod covers only its new images', () => {
    const change = { operation: 'UPDATE', object: podOf('a', 'b'), oldObject: podOf('a') }
    expect(images(change)).toEqual(['b'])
    expect(images({ ...change, object: podOf('a') })).toEqual([])
  })

  it('of ephemeral containers is read in both forms that API servers have', () => {
    const ephemeral = [{ name: 'd', image: 'debug' }]
    const sub = { subResource: 'ephemeralcontainers', operation: 'UPDATE' }
    const pod = { spec: { containers: [{ image: 'a' }], ephemeralContainers: ephemeral } }
    expect(images({ ...sub, object: pod, oldObject: podOf('a') })).toEqual(['debug'])
    const old = { kind: 'EphemeralContainers', ephemeralContainers: ephemeral }
    expect(
      images({ ...sub, object: old, oldObject: { ...old, ephemeralContainers: null } }),
    ).toEqual(['debug'])
  })

  it('of a deleted pod checks nothing', () => {
    expect(images({ operation: 'DELETE', object: null, oldObject: podOf('a') })).toEqual([])
  })

  it.each([
    [undefined, 'no body'],
    [{}, 'apiVersion'],
    [{ ...reviewOf({}), apiVersion: 'admission.k8s.io/v1beta1' }, 'apiVersion'],
    [reviewOf({ uid: '' }), 'uid'],
    [reviewOf({ operation: 'PATCH' }), 'operation'],
    [reviewOf({ object: { spec: { containers: 'x' } } }), 'containers'],
    [
      reviewOf({ resource: { group: 'apps', version: 'v1', resource: 'deployments' } }),
      'deployments',
    ],
  ])('that is invalid is refused by code: %#', (value, word) => {
    try {
      parseReview(value)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'BODY_INVALID' } satisfies Partial<SnugError>)
      if (value !== undefined) expect((error as SnugError).message).toContain(word)
    }
  })

  it('is answered with its uid, the reason for the client and the verdict for the audit log', () => {
    const answer = (action: 'deny' | 'warn' | 'audit') =>
      (reviewAnswer('u-1', decide(action, false, [faulty])) as { response: object }).response
    expect(answer('deny')).toEqual({
      uid: 'u-1',
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: 'snug: reg/b:1: no profile is attached' },
      auditAnnotations: { verdict: 'refused', reasons: 'reg/b:1: no profile is attached' },
    })
    expect(answer('warn')).toMatchObject({
      allowed: true,
      warnings: ['snug: reg/b:1: no profile is attached'],
      auditAnnotations: { verdict: 'warned' },
    })
    const noted = answer('audit')
    expect(noted).toMatchObject({ allowed: true, auditAnnotations: { verdict: 'noted' } })
    expect(noted).not.toHaveProperty('warnings')
  })

  it('is answered in lines that no name of an image can break or fill', () => {
    const name = `x\n\u001b[31m\u202e${'y'.repeat(5_000)}`
    const decision = decide('warn', false, [{ name, faults: ['bad'] }])
    const { response } = reviewAnswer('u', decision) as {
      response: { warnings: string[]; auditAnnotations: { reasons: string } }
    }
    expect(response.warnings[0]).toHaveLength(256)
    expect(response.warnings[0]).toMatch(/^snug: x\\u\{a\}\\u\{1b\}\[31m\\u\{202e\}y+…$/)
    expect(response.auditAnnotations.reasons).toHaveLength(2_048)
  })
})
