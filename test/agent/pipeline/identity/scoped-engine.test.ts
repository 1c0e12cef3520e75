import { describe, expect, it } from 'vitest'
import type { ActEvent, WorkloadRef } from '../../../../src/core/event/event.ts'
import type { ProfileScope } from '../../../../src/core/event/image-key.ts'
import { Identifier } from '../../../../src/agent/pipeline/identity/identifier.ts'
import type {
  EngineAct,
  IdentityEngine,
  PendingContainer,
} from '../../../../src/agent/pipeline/identity/identity.ts'
import { ImageFiles } from '../../../../src/agent/pipeline/identity/image-files.ts'
import { scopedEngine } from '../../../../src/agent/pipeline/identity/scoped-engine.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { identityOf, ScriptedEngine } from '../../../fixtures/identity-fixtures.ts'

const id = 'a'.repeat(64)
const workload: WorkloadRef = { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-1' }
const scopes: readonly [ProfileScope, string | undefined][] = [
  ['cluster', undefined],
  ['namespace', 'shop'],
  ['workload', 'shop/Deployment/web'],
]

describe.each(scopes)('with one profile for each %s', (by, scope) => {
  it('a container has its scope in every answer of the engine', async () => {
    const inner = new ScriptedEngine()
    const engine = scopedEngine(inner, by)
    const reported: (string | undefined)[] = []
    engine.subscribe(({ image }) => reported.push(image.scope))
    inner.report({ ...identityOf(id), workload })
    inner.atOnce.add(id)
    const answer = await engine.lookup(id)
    expect(reported).toEqual([scope])
    expect(engine.known(id)?.image.scope).toBe(scope)
    expect(typeof answer === 'object' && answer.image.scope).toBe(scope)
    expect(await engine.lookup('b'.repeat(64))).toBe('unavailable')
  })

  it('so has one that is created, before the engine can be asked about it', () => {
    const { image, imageId, initInjected } = identityOf(id)
    const pending: PendingContainer = { id, image, imageId, initInjected, workload }
    const inner: IdentityEngine = Object.assign(new ScriptedEngine(), {
      subscribePending: (listener: (container: PendingContainer) => void) => {
        listener(pending)
        return () => undefined
      },
    })
    const reported: (string | undefined)[] = []
    scopedEngine(inner, by).subscribePending?.((container) => reported.push(container.image.scope))
    expect(reported).toEqual([scope])
  })

  it('its engine does and refuses what the inner one does', async () => {
    const inner = Object.assign(new ScriptedEngine(), {
      act: async (_: string, what: EngineAct) => what === 'stop',
      refusal: (_: string, what: EngineAct) => (what === 'freeze' ? 'it is a pod' : undefined),
    })
    const engine = scopedEngine(inner, by)
    expect(await engine.act?.(id, 'stop')).toBe(true)
    expect(engine.refusal?.(id, 'stop')).toBeUndefined()
    expect(engine.refusal?.(id, 'freeze')).toBe('it is a pod')
    expect('act' in scopedEngine(new ScriptedEngine(), by)).toBe(false)
  })

  it('a container without a workload has no scope', () => {
    const inner = new ScriptedEngine()
    inner.containers.set(id, identityOf(id))
    inner.atOnce.add(id)
    expect(scopedEngine(inner, by).known(id)?.image).toEqual(identityOf(id).image)
  })

  it('an event whose source names image and workload has the scope of that workload', () => {
    const identifier = new Identifier({
      engines: [],
      files: new ImageFiles(),
      node: 'n1',
      scope: by,
      release: () => undefined,
    })
    const event = { ...act.file('/etc/web.conf'), source: 'tetragon', workload } as ActEvent
    const [message] = identifier.push([{ type: 'event', event }])
    expect(message?.type === 'event' && message.event.image?.scope).toBe(scope)
    identifier.close()
  })
})
