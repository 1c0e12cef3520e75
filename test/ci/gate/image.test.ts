import { expect, it } from 'vitest'
import type { GateResult } from '../../../src/supplychain/findings/finding.ts'
import type { ImagePolicy } from '../../../src/ci/gate/policy-schema.ts'
import {
  configFactsOf,
  type ImageFacts,
  imageFactsOf,
} from '../../../src/supplychain/image/image-facts.ts'
import { fileOf, gate, nowMs, policy, service, reported } from '../../fixtures/gate-fixtures.ts'

const layer = (n: number): string => `sha256:${String(n).repeat(64).slice(0, 64)}`
const inspected = {
  Id: layer(9),
  RepoTags: ['shop/web:2'],
  RepoDigests: [`shop/web@${layer(8)}`],
  Created: '2026-11-01T10:00:00.123456789Z',
  Config: { User: 'web' },
  RootFS: { Type: 'layers', Layers: [layer(1), layer(2), layer(3)] },
}
const facts = imageFactsOf([inspected])

function judged(image: Partial<ImagePolicy>, given: ImageFacts = facts): GateResult {
  return gate({ facts: given, policy: { ...policy, image: { ...policy.image, ...image } } })
}

it('reads the output of the engine and a config by OCI', () => {
  expect(facts).toEqual({
    imageId: layer(9),
    names: ['shop/web:2', `shop/web@${layer(8)}`],
    created: '2026-11-01T10:00:00.123Z',
    user: 'web',
    diffIds: [layer(1), layer(2), layer(3)],
  })
  const oci = { config: {}, rootfs: { type: 'layers', diff_ids: [layer(1)] } }
  expect(configFactsOf(oci)).toEqual({ names: [], user: '', diffIds: [layer(1)] })
  for (const wrong of [undefined, null, 3, [], {}, { rootfs: { diff_ids: [1] } }]) {
    expect(() => imageFactsOf(wrong)).toThrow(expect.objectContaining({ code: 'IMAGE_INVALID' }))
  }
})

it('requires a user other than root', () => {
  expect(reported(judged({ root: 'approve' }))).toEqual([])
  for (const user of ['', 'root', '0', '0:0', '00', ':101', 'root:web']) {
    const result = judged({ root: 'approve' }, { ...facts, user })
    expect(result).toMatchObject({ passed: false, findings: [{ rule: 'image-root' }] })
  }
})

it('recognises a base by its layers, from the bottom up', () => {
  const base = (...layers: string[]): Partial<ImagePolicy> => ({
    base: {
      level: 'approve',
      approved: [
        { name: 'other', layers: [layer(7)] },
        { name: 'ours', layers },
      ],
    },
  })
  expect(reported(judged(base(layer(1), layer(2))))).toEqual([])
  for (const wrong of [
    [layer(2)],
    [layer(1), layer(3)],
    [layer(1), layer(2), layer(3), layer(4)],
  ]) {
    expect(reported(judged(base(...wrong)))).toEqual([
      'approve image-base: its lowest layers are those of no approved base (other, ours)',
    ])
  }
})

it('determines the age of an image, also where the image does not state it', () => {
  const age = (days: number): Partial<ImagePolicy> => ({
    age: { level: 'approve', maxMs: days * 86_400_000 },
  })
  expect(reported(judged(age(30)))).toEqual([])
  expect(reported(judged(age(20)))).toEqual([
    'approve image-age: the image was built 23 d ago, 20 d are allowed',
  ])
  const { created: _, ...timeless } = facts
  expect(reported(judged(age(30), timeless))).toEqual([
    'approve image-age: the image has no build time',
  ])
  // Reproducible builds set the start of the epoch.
  const epoch = imageFactsOf([{ ...inspected, Created: '1970-01-01T00:00:00Z' }])
  expect(judged(age(30), epoch).passed).toBe(false)
  expect(nowMs).toBeGreaterThan(0)
})

it('does not accept the profile of an image with other content', () => {
  const profile = fileOf(service(), '5')
  const result = gate({ facts, profile, baseline: fileOf(service()) })
  expect(result.findings).toMatchObject([{ rule: 'other-image', level: 'approve' }])
  for (const digest of [layer(8), layer(9)]) {
    const own = { ...profile, image: { ...profile.image, digest } }
    expect(gate({ facts, profile: own, baseline: fileOf(service()) }).findings).toEqual([])
  }
})
