import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Admission, type AdmissionOptions } from '../../../src/ci/admission/admission.ts'
import type { ImageEvidence } from '../../../src/ci/admission/judge-image.ts'
import { SnugError } from '../../../src/errors.ts'
import {
  digestOf,
  gateOf,
  good,
  policyOf,
  requirements,
  trusted,
} from '../../fixtures/admission-fixtures.ts'

const times = { within: 3_000, trusted: 300_000, faulty: 15_000, tags: 15_000, failed: 5_000 }
const down = new SnugError('REGISTRY_FAILED', 'it is down')

/** A registry that records each request as text. */
class Asked {
  readonly questions: string[] = []
  evidence: () => Promise<ImageEvidence | undefined> = async () => trusted
  digest: () => Promise<string | undefined> = async () => digestOf('a')
  readonly registry: AdmissionOptions['registry'] = {
    digestOf: ({ repository, reference }) => {
      this.questions.push(`tag ${repository}:${reference}`)
      return this.digest()
    },
    evidence: ({ repository, digest }) => {
      this.questions.push(`image ${repository}@${digest.slice(0, 10)}`)
      return this.evidence()
    },
  }

  /** Requests since the last call. */
  take(): readonly string[] {
    return this.questions.splice(0)
  }
}

let asked: Asked
beforeEach(() => {
  asked = new Asked()
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  vi.setSystemTime('2026-11-25T00:00:00Z')
})
afterEach(() => {
  vi.useRealTimers()
})

function admission(more: Partial<AdmissionOptions> = {}): Admission {
  const { registry } = asked
  return new Admission({ policy: policyOf(), registry, times, most: 100, ...more })
}
const pod = (...images: readonly string[]) => ({ uid: 'u', namespace: 'shop', name: 'p', images })
const web = 'reg.local:5000/shop/web:1'
const bySum = `reg.local:5000/shop/web@${digestOf('a')}`

describe('the evidence of an image', () => {
  it('is fetched once, however many of its pods start together or in sequence', async () => {
    const admit = admission()
    const many = await Promise.all(Array.from({ length: 50 }, () => admit.decide(pod(web, bySum))))
    expect(new Set(many.map(({ verdict }) => verdict))).toEqual(new Set(['admitted']))
    await admit.decide(pod(web))
    // A tag and its digest are one image.
    expect(asked.take()).toEqual(['tag shop/web:1', 'image shop/web@sha256:aaa'])
  })

  it('is refreshed in the second half of its lifetime, while the cached answer applies', async () => {
    const admit = admission()
    await admit.decide(pod(bySum))
    vi.advanceTimersByTime(140_000)
    await admit.decide(pod(bySum))
    expect(asked.take()).toHaveLength(1)
    vi.advanceTimersByTime(20_000)
    let answer: (evidence: ImageEvidence) => void = () => undefined
    asked.evidence = () => new Promise((resolve) => (answer = resolve))
    expect((await admit.decide(pod(bySum))).verdict).toBe('admitted')
    expect((await admit.decide(pod(bySum))).verdict).toBe('admitted')
    expect(asked.take()).toHaveLength(1)
    answer({ ...trusted, profile: { kind: 'missing' } })
    await expect.poll(async () => (await admit.decide(pod(bySum))).verdict).toBe('refused')
  })

  it('stays valid while its registry is down, until the end of its lifetime', async () => {
    const admit = admission()
    await admit.decide(pod(bySum))
    asked.evidence = async () => Promise.reject(down)
    vi.advanceTimersByTime(200_000)
    asked.take()
    for (let at = 0; at < 10; at++)
      expect((await admit.decide(pod(bySum))).verdict).toBe('admitted')
    // A failing registry is not asked again for a while.
    expect(asked.take()).toHaveLength(1)
    vi.advanceTimersByTime(101_000)
    expect((await admit.decide(pod(bySum))).verdict).toBe('undecided')
  })

  it('expires with the profile that it was trusted for', async () => {
    const until = new Date(Date.now() + 20_000).toISOString()
    asked.evidence = async () => ({ profile: good({}, until), gate: good(gateOf(true)) })
    const admit = admission()
    await admit.decide(pod(bySum))
    asked.take()
    asked.evidence = async () => ({
      ...trusted,
      profile: {
        kind: 'refused',
        code: 'ATTESTATION_EXPIRED',
        because: `it was valid until ${until}`,
      },
    })
    vi.advanceTimersByTime(20_001)
    const { verdict, reasons } = await admit.decide(pod(bySum))
    expect([verdict, reasons.join()]).toEqual([
      'refused',
      expect.stringContaining('ATTESTATION_EXPIRED'),
    ])
  })

  it('is fetched again soon where it was faulty, so that a fix takes effect quickly', async () => {
    asked.evidence = async () => ({ ...trusted, gate: { kind: 'missing' } })
    const admit = admission()
    expect((await admit.decide(pod(bySum))).verdict).toBe('refused')
    asked.evidence = async () => trusted
    expect((await admit.decide(pod(bySum))).verdict).toBe('refused')
    vi.advanceTimersByTime(15_001)
    expect((await admit.decide(pod(bySum))).verdict).toBe('admitted')
  })

  it('follows a tag that is moved', async () => {
    const admit = admission()
    await admit.decide(pod(web))
    asked.digest = async () => digestOf('b')
    asked.evidence = async () => ({ ...trusted, profile: { kind: 'missing' } })
    vi.advanceTimersByTime(15_001)
    expect((await admit.decide(pod(web))).verdict).toBe('refused')
    expect(asked.take().at(-1)).toBe('image shop/web@sha256:bbb')
  })
})

describe('a registry', () => {
  it('that is not trusted is never asked, nor is one that a name only imitates', async () => {
    const admit = admission()
    const names = ['169.254.169.254/a:1', 'reg.local:5001/web:1', 'reg.local:5000@evil/web:1', '']
    for (const name of names) expect((await admit.decide(pod(name))).verdict).toBe('refused')
    expect(asked.take()).toEqual([])
  })

  it('with a broken image leads to a refusal, never to an undecided verdict', async () => {
    asked.evidence = async () => Promise.reject(new SnugError('IMAGE_INVALID', 'it has no config'))
    const { verdict, reasons } = await admission().decide(pod(bySum))
    expect([verdict, reasons.join()]).toEqual(['refused', expect.stringContaining('IMAGE_INVALID')])
  })

  it('is not asked for an overlong name, which is cut in the answer', async () => {
    for (const name of [`reg.local:5000/${'x'.repeat(1 << 20)}:1`, 'y'.repeat(1 << 20)]) {
      const { verdict, reasons } = await admission().decide(pod(name))
      expect(verdict).toBe('refused')
      expect(reasons.join().length).toBeLessThan(500)
    }
    expect(asked.take()).toEqual([])
  })

  it('without the image is a fault that names IMAGE_UNKNOWN', async () => {
    const admit = admission()
    asked.digest = async () => undefined
    asked.evidence = async () => undefined
    for (const name of [web, bySum]) {
      const { verdict, reasons } = await admit.decide(pod(name))
      expect([verdict, reasons.join()]).toEqual([
        'refused',
        expect.stringContaining('IMAGE_UNKNOWN'),
      ])
    }
  })

  it('that is slow has the pod undecided in time, and its answer is there for the next', async () => {
    vi.useRealTimers()
    let answer: (evidence: ImageEvidence) => void = () => undefined
    asked.evidence = () => new Promise((resolve) => (answer = resolve))
    const quick = admission({ times: { ...times, within: 30 } })
    const { verdict, reasons } = await quick.decide(pod(bySum, 'elsewhere.local/x:1'))
    // The reasons that are known already are returned all the same.
    expect(verdict).toBe('refused')
    expect(reasons).toHaveLength(2)
    expect((await quick.decide(pod(bySum))).reasons.join()).toContain('did not answer within 30 ms')
    answer(trusted)
    await expect.poll(async () => (await quick.decide(pod(bySum))).verdict).toBe('admitted')
  })

  it('that is down is not asked again for every pod, but after a while', async () => {
    asked.evidence = async () => Promise.reject(down)
    const open = admission()
    for (let at = 0; at < 20; at++)
      expect((await open.decide(pod(bySum))).verdict).toBe('undecided')
    expect(asked.take()).toHaveLength(1)
    asked.evidence = async () => trusted
    vi.advanceTimersByTime(5_001)
    expect((await open.decide(pod(bySum))).verdict).toBe('admitted')
    asked.evidence = async () => Promise.reject(down)
    const closed = admission({ policy: policyOf({ failClosed: true }) })
    expect(await closed.decide(pod(bySum))).toMatchObject({ verdict: 'refused', allowed: false })
  })

  it('gets a limited number of requests at once, and all images are served', async () => {
    let most = 0
    let now = 0
    asked.evidence = async () => {
      most = Math.max(most, ++now)
      await Promise.resolve()
      now -= 1
      return trusted
    }
    const admit = admission({ most: 1_000 })
    const names = Array.from({ length: 300 }, (_, at) => `reg.local:5000/i${at}@${digestOf('a')}`)
    const decisions = await Promise.all(names.map((name) => admit.decide(pod(name))))
    expect(decisions.every(({ verdict }) => verdict === 'admitted')).toBe(true)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(32)
  })
})

it('a tag is a fault where digests are required, and the other reasons remain', async () => {
  const policy = policyOf({ images: { ...requirements, digest: true } })
  const admit = admission({ policy })
  expect((await admit.decide(pod(bySum))).verdict).toBe('admitted')
  asked.evidence = async () => ({ ...trusted, profile: { kind: 'missing' } })
  asked.digest = async () => digestOf('c')
  expect((await admit.decide(pod(web))).reasons).toEqual([
    `${web}: its name has a tag instead of a digest`,
    `${web}: no profile is attached (ATTESTATION_MISSING)`,
  ])
})

it('in an ignored namespace no request is made', async () => {
  const policy = policyOf({ namespaces: [{ names: ['shop'], action: 'ignore' }] })
  expect((await admission({ policy }).decide(pod(web))).verdict).toBe('ignored')
  expect(asked.take()).toEqual([])
})
