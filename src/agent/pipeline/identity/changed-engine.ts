import type { IdentityEngine, PendingContainer } from './identity.ts'

/** The engine, with a change of what it reports of each container. */
export function changedEngine(
  engine: IdentityEngine,
  changed: <T extends PendingContainer>(container: T) => T,
): IdentityEngine {
  return {
    name: engine.name,
    get state() {
      return engine.state
    },
    start: (signal) => engine.start(signal),
    known: (id) => {
      const identity = engine.known(id)
      return identity && changed(identity)
    },
    lookup: async (id, cgroup) => {
      const answer = await engine.lookup(id, cgroup)
      return typeof answer === 'string' ? answer : changed(answer)
    },
    peer: (address) => engine.peer(address),
    addresses: () => engine.addresses(),
    subscribe: (listener) => engine.subscribe((identity) => listener(changed(identity))),
    subscribePending: (listener) =>
      engine.subscribePending?.((container) => listener(changed(container))) ?? noop,
    findCreated: (id) => engine.findCreated?.(id),
    subscribeStarting: (listener) =>
      engine.subscribeStarting?.((container) => listener(changed(container))) ?? noop,
    subscribeLeft: (listener) => engine.subscribeLeft(listener),
    ...(engine.act === undefined ? {} : { act: engine.act.bind(engine) }),
    refusal: (id, act) => engine.refusal?.(id, act),
    subscribePeers: (listener) => engine.subscribePeers?.(listener) ?? noop,
  }
}

const noop = (): void => undefined
