import { LRUCache } from 'lru-cache'
import { type AuditedRequest, joined } from '../../core/person/audited-request.ts'

/** How a person entered a pod without a program that begins in it, so that no alert has them. */
export type EntranceKind = 'attach' | 'port-forward'

export interface Entrance
  extends Pick<AuditedRequest, 'namespace' | 'pod' | 'container' | 'name' | 'as' | 'from'> {
  readonly kind: EntranceKind
  /** Epoch milliseconds. */
  readonly beganMs: number
  /** Absent while it lasts, as far as the log has it. */
  readonly endedMs?: number
}

export const entrancesKept = 1_024
const firstRefusal = 400

/** The latest of them, from the audit log of the API server. */
export class Entrances {
  readonly #requests = new LRUCache<string, AuditedRequest>({ max: entrancesKept })

  takes(request: AuditedRequest): void {
    const { key, kind } = request
    if (kind !== 'attach' && kind !== 'portforward') return
    const before = this.#requests.get(key)
    this.#requests.set(key, before === undefined ? request : joined(before, request))
  }

  /** Those that the server let in, the latest first. `name`: only of this person. */
  list(name?: string): readonly Entrance[] {
    return [...this.#requests.values()]
      .filter((one) => (one.code ?? 0) < firstRefusal && (name === undefined || one.name === name))
      .sort((a, b) => b.receivedMs - a.receivedMs)
      .map(entranceOf)
  }
}

function entranceOf(request: AuditedRequest): Entrance {
  const { kind, namespace, pod, container, name, as, from, receivedMs, endedMs } = request
  return {
    kind: kind === 'attach' ? 'attach' : 'port-forward',
    namespace,
    pod,
    name,
    beganMs: receivedMs,
    ...(container === undefined ? {} : { container }),
    ...(as === undefined ? {} : { as }),
    ...(from === undefined ? {} : { from }),
    ...(endedMs === undefined ? {} : { endedMs }),
  }
}
