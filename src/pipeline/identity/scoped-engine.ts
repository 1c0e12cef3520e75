import { type ProfileScope, scopedImage } from '../../core/event/image-key.ts'
import type { IdentityEngine, PendingContainer } from './identity.ts'

/** The engine, with the scope of each container in its image. */
export function scopedEngine(engine: IdentityEngine, by: ProfileScope): IdentityEngine {
  if (by === 'cluster') return engine
  const scoped = <T extends PendingContainer>(identity: T): T => {
    return { ...identity, image: scopedImage(by, identity.image, identity.workload) }
  }
  return {
    name: engine.name,
    get state() {
      return engine.state
    },
    start: (signal) => engine.start(signal),
    known: (id) => {
      const identity = engine.known(id)
      return identity && scoped(identity)
    },
    lookup: async (id, cgroup) => {
      const answer = await engine.lookup(id, cgroup)
      return typeof answer === 'string' ? answer : scoped(answer)
    },
    peer: (address) => engine.peer(address),
    addresses: () => engine.addresses(),
    subscribe: (listener) => engine.subscribe((identity) => listener(scoped(identity))),
    subscribePending: (listener) =>
      engine.subscribePending?.((container) => listener(scoped(container))) ?? noop,
    findCreated: (id) => engine.findCreated?.(id),
    subscribeStarting: (listener) =>
      engine.subscribeStarting?.((container) => listener(scoped(container))) ?? noop,
    subscribeLeft: (listener) => engine.subscribeLeft(listener),
    ...(engine.act === undefined ? {} : { act: engine.act.bind(engine) }),
    subscribePeers: (listener) => engine.subscribePeers?.(listener) ?? noop,
  }
}

const noop = (): void => undefined
