import { NodeV1Api } from '@kubernetes/client-node'
import { LRUCache } from 'lru-cache'
import { asked, type KubeApi } from './api.ts'

const remembered = 256
const askMs = 2_000

/** Finds what a runtime class stands for: its handler, which the API server lets nobody change. */
export class RuntimeClasses {
  readonly #node: NodeV1Api
  readonly #known = new LRUCache<string, Promise<string | undefined>>({ max: remembered })

  constructor(api: KubeApi) {
    this.#node = api.client(NodeV1Api, askMs)
  }

  /** The class, then its handler; the class alone if the server does not answer in time. */
  async resolve(name: string): Promise<readonly string[]> {
    const handler = await (this.#known.get(name) ?? this.#ask(name))
    return handler === undefined ? [name] : [name, handler]
  }

  #ask(name: string): Promise<string | undefined> {
    const found = asked(this.#node.readRuntimeClass({ name })).then(
      ({ handler }) => handler,
      () => {
        // The server is away, or refuses: the next pod of the class asks again.
        this.#known.delete(name)
        return undefined
      },
    )
    this.#known.set(name, found)
    return found
  }
}
