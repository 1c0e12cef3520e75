import { describe, expect, it } from 'vitest'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import type { Mode } from '../../src/core/lifecycle/mode.ts'
import { agentsByNode, protectionOf } from '../../src/kubectl/protection.ts'
import { countsOf } from '../../src/kubectl/commands/protection-command.ts'
import { digestOf, ownerOf, podOf } from '../fixtures/kube-pods.ts'

const pod = podOf({
  app: [{ name: 'web' }],
  init: [{ name: 'mesh', restartPolicy: 'Always' }],
  ephemeral: [{ name: 'debug' } as never],
  owner: ownerOf('StatefulSet', 'web'),
})
const ann = { by: 'ann', at: '2026-11-24T12:00:00.000Z' }
const runtimes = new Map([['sealed', ['sealed', 'kata']]])
const agents = agentsByNode([{ name: 'agent-1', node: 'n1', ready: true }])

function profileOf(image: FleetImage, mode: string, wanted?: Mode): ImageProfile {
  const name = profileName(image)
  const status = { state: 'enforced', mode, behaviours: 1, pending: 0, nodes: 1 }
  return {
    metadata: { name, uid: name, resourceVersion: '1' },
    spec: { image, ...(wanted === undefined ? {} : { mode: { value: wanted, ...ann } }) },
    status: { ...status, observedGeneration: 1, conditions: [] },
  }
}

const image = (name: string, scope?: string): FleetImage => ({
  repository: `localhost/${name}`,
  digest: digestOf(name),
  ...(scope === undefined ? {} : { scope }),
})

describe('a container', () => {
  it('is protected by the mode of its profile in its own namespace', () => {
    const web = profileOf(image('web', 'shop'), 'block')
    const elsewhere = profileOf(image('web', 'other'), 'alert')
    const rows = protectionOf(pod, [elsewhere, web], agents, runtimes)
    expect(rows.find(({ container }) => container === 'web')).toMatchObject({
      protection: 'blocked',
      profile: web.metadata.name,
      image: 'localhost/web:1',
      node: 'n1',
    })
  })

  it('has the profile of its workload before that of its namespace and that of all', () => {
    const narrow = profileOf(image('web', 'shop/StatefulSet/web'), 'block')
    const wide = profileOf(image('web', 'shop'), 'alert')
    const whole = profileOf(image('web'), 'learn')
    const found = (...profiles: ImageProfile[]) =>
      protectionOf(pod, profiles, agents, runtimes).find(({ container }) => container === 'web')
        ?.protection
    expect(found(whole, wide, narrow)).toBe('blocked')
    expect(found(whole, wide)).toBe('alerted')
    expect(found(whole)).toBe('learned')
  })

  it('names a decision that waits for its conditions', () => {
    const [row] = protectionOf(
      pod,
      [profileOf(image('mesh', 'shop'), 'alert', 'block')],
      agents,
      runtimes,
    )
    expect(row?.because).toContain('`block` is decided')
  })

  it('is not observed where its runtime class has its own kernel', () => {
    const hidden = { ...pod, spec: { ...pod.spec, runtimeClassName: 'sealed' } }
    const profile = profileOf(image('mesh', 'shop'), 'block')
    const [row] = protectionOf(hidden, [profile], agents, runtimes)
    expect(row).toMatchObject({
      protection: 'none',
      because: 'it is blind: the runtime `kata` has its own kernel',
    })
  })

  it('is never blocked where it is ephemeral', () => {
    const debug = profileOf(image('debug', 'shop'), 'block')
    const rows = protectionOf(pod, [debug], agents, runtimes)
    expect(rows.find(({ container }) => container === 'debug')?.protection).toBe('alerted')
  })

  it('is not observed without a profile, without an agent, or with one that is not ready', () => {
    const web = profileOf(image('web', 'shop'), 'block')
    const why = (profiles: ImageProfile[], by = agents) =>
      protectionOf(pod, profiles, by, runtimes).find(({ container }) => container === 'web')
    expect(why([])).toMatchObject({ protection: 'none' })
    expect(why([web], agentsByNode([]))?.because).toBe('no agent on the node n1')
    const gone = agentsByNode([{ name: 'agent-1', node: 'n1', ready: false }])
    expect(why([web], gone)).toMatchObject({
      protection: 'none',
      because: 'the agent agent-1 is not ready',
    })
  })
})

it('of two agents of one node, as during an update, the one that is ready counts', () => {
  const rows = [
    { name: 'old', node: 'n1', ready: true },
    { name: 'new', node: 'n1', ready: false },
  ]
  for (const each of [rows, [...rows].reverse()])
    expect(agentsByNode(each).get('n1')?.name).toBe('old')
})

it('containers are counted by what a deviation gets', () => {
  const rows = protectionOf(pod, [profileOf(image('web', 'shop'), 'block')], agents, runtimes)
  expect(countsOf(rows)).toEqual({ blocked: 1, alerted: 1, learned: 0, none: 1 })
})
