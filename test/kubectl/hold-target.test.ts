import { describe, expect, it } from 'vitest'
import type { SharedHold } from '../../src/core/lifecycle/shared-hold.ts'
import { SnugError } from '../../src/errors.ts'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import type { ImageProfile, ProfileSlice } from '../../src/fleet/kubernetes/fleet-objects.ts'
import {
  isHeld,
  isReported,
  listedHolds,
  type OrderedHoldView,
  refuseUnavailable,
} from '../../src/kubectl/commands/quarantine-command.ts'
import { imageTarget, namedHolds, podTarget } from '../../src/kubectl/hold-target.ts'
import { containerId, digestOf, podOf } from '../fixtures/kube-pods.ts'

/** test/kube/kubectl-snug.test.ts has the commands on a real API server. */
const nowMs = Date.parse('2026-12-02T12:00:00Z')
const at = '2026-12-02T11:00:00.000Z'
const until = '2026-12-02T13:00:00.000Z'
const image = { repository: 'localhost/web', digest: digestOf('web') }

const holdFor = (id: string, more: Partial<SharedHold> = {}): SharedHold => ({
  id,
  level: 'network',
  by: 'ann',
  at,
  until,
  reason: 'x',
  ...more,
})

function profileOf(of: FleetImage, holds: readonly SharedHold[] = []): ImageProfile {
  const name = profileName(of)
  return { metadata: { name, uid: name, resourceVersion: '1' }, spec: { image: of, holds } }
}

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof SnugError ? error.code : String(error)
  }
  return 'none'
}

const whole = profileOf(image)
const ofShop = profileOf({ ...image, scope: 'shop' })
const elsewhere = profileOf({ ...image, scope: 'bank' })
const pod = podOf({ app: [{ name: 'side' }, { name: 'web' }] })
const web = { pod: 'shop/web-1', container: 'web', node: 'n1', id: containerId('web') }

describe('a hold on a pod', () => {
  it('is for all of its containers, and stands at the image that agents have published', () => {
    const { profile, pod: name, containers, reporters } = podTarget(pod, [whole, ofShop, elsewhere])
    expect(name).toBe('shop/web-1')
    expect(profile).toBe(ofShop)
    expect(containers.map(({ container }) => container)).toEqual(['side', 'web'])
    expect(reporters).toEqual([{ node: 'n1', image: ofShop.spec.image }])
  })

  it('is refused where no agent has published an image of it', () => {
    expect(codeOf(() => podTarget(pod, [elsewhere]))).toBe('PROFILE_UNKNOWN')
  })
})

describe('a hold on an image', () => {
  it('is for its containers in the scope, and each node reports where it publishes', () => {
    const all = [whole, ofShop, elsewhere]
    for (const profile of [whole, ofShop])
      expect(imageTarget(profile, [pod], all)).toEqual({
        profile,
        containers: [web],
        reporters: [{ node: 'n1', image: ofShop.spec.image }],
      })
    expect(imageTarget(elsewhere, [pod], all)).toMatchObject({ containers: [], reporters: [] })
  })
})

describe('a name', () => {
  const ofPod = holdFor('h00000001', { pod: 'shop/web-1' })
  const ofImage = holdFor('h00000002')
  const ofContainer = holdFor('h00000003', { container: containerId('web') })
  const over = holdFor('h00000004', { pod: 'shop/web-1', until: at })
  const ended = holdFor('h00000005', { pod: 'shop/web-1', released: { by: 'ann', at } })
  const held = profileOf({ ...image, scope: 'shop' }, [ofPod, ofImage, ofContainer, over, ended])
  const find = (text: string, podNamespace = 'shop') =>
    namedHolds(text, [held], { podNamespace, namespace: undefined }, nowMs).map(({ hold }) => hold)

  it.each([
    ['web-1', [ofPod]],
    ['shop/web-1', [ofPod]],
    ['localhost/web', [ofImage]],
    [held.metadata.name, [ofImage]],
    [containerId('web').slice(0, 12), [ofContainer]],
    ['h00000003', [ofContainer]],
  ])('%s is of the holds in effect', (text, holds) => {
    expect(find(text)).toEqual(holds)
  })

  it('of nothing that is held is refused', () => {
    for (const text of ['web-2', 'h00000004', 'h00000005', 'localhost/db'])
      expect(codeOf(() => find(text))).toBe('HOLD_UNKNOWN')
    expect(codeOf(() => find('web-1', 'bank'))).toBe('HOLD_UNKNOWN')
  })

  it('a list has the holds in effect with the progress of the nodes, in one namespace', () => {
    const progress = { node: 'n1', containers: 1, held: 1 }
    const slice = {
      image: held.spec.image,
      node: 'n1',
      holds: [{ ...progress, id: ofPod.id }],
    } as unknown as ProfileSlice
    const listed = listedHolds([held], [slice], 'shop', nowMs)
    expect(listed.map(({ id }) => id)).toEqual([ofPod.id, ofImage.id, ofContainer.id])
    expect(listed[0]?.nodes).toEqual([progress])
    expect(listed[1]?.nodes).toEqual([])
    expect(listedHolds([held], [slice], 'bank', nowMs)).toEqual([])
  })
})

describe('what the nodes report', () => {
  const view = (
    nodes: OrderedHoldView['nodes'],
    silent: readonly string[] = [],
  ): OrderedHoldView => ({
    ...holdFor('h00000001'),
    profile: 'web',
    lineage: 'localhost/web',
    nodes,
    containers: [],
    silent,
  })
  const held = { node: 'n1', containers: 2, held: 2 }
  const half = { node: 'n2', containers: 2, held: 1 }
  const refused = { node: 'n2', containers: 2, held: 0, because: 'it cannot' }

  it.each([
    ['all held', view([held]), { reported: true, held: true, code: 'none' }],
    ['one not there yet', view([held, half]), { reported: false, held: false, code: 'none' }],
    ['one silent', view([held], ['n2']), { reported: false, held: false, code: 'none' }],
    ['one that cannot', view([held, refused]), { reported: true, held: false, code: 'none' }],
    ['none that can', view([refused]), { reported: true, held: false, code: 'HOLD_UNAVAILABLE' }],
    ['one unknown', view([refused], ['n1']), { reported: false, held: false, code: 'none' }],
    ['no container', view([]), { reported: true, held: true, code: 'none' }],
  ])('%s', (_, hold, expected) => {
    const code = codeOf(() => refuseUnavailable(hold))
    expect({ reported: isReported(hold), held: isHeld(hold), code }).toEqual(expected)
  })
})
