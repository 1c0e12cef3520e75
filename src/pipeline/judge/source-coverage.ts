import type { EventKind, SnugEvent } from '../../core/event/event.ts'
import { behaviourKinds } from '../../core/coverage/coverage-report.ts'
import { sensorKinds } from '../sources/line-formats.ts'
import type { EventSource } from '../sources/source.ts'

/** Kinds that somebody watches for. A set is never changed: what grows is another one. */
export type Kinds = ReadonlySet<EventKind>

const nothing: Kinds = new Set()
export const allKinds: Kinds = new Set<EventKind>(behaviourKinds)

/**
 * Which kinds of acts are watched for, by source. A sensor that tells only what its own rules ask for counts for a
 * kind from its first act of that kind on, whosever that was. One that nobody knows is believed to watch for all:
 * an alert too many is seen, one too few is not.
 */
export class SourceCoverage {
  readonly #sources: ReadonlyMap<string, EventSource>
  readonly #reported = new Map<string, Kinds>()

  constructor(sources: readonly EventSource[]) {
    this.#sources = new Map(sources.map((source) => [source.name, source]))
  }

  /** What the source of this act watches for; `via`: the source of the agent that it came by. */
  of(event: SnugEvent, via: string): Kinds {
    const source = this.#sources.get(via)
    const isOwn = source !== undefined && source.supports.relays !== true
    if (isOwn && source.supports.byRule !== true) return this.#whole(via, source)
    const kinds = isOwn ? source.supports.kinds : sensorKinds.get(event.source)
    if (kinds === undefined) return allKinds
    return this.#byRule(isOwn ? via : event.source, event.kind, kinds)
  }

  /** What is watched for in a container that the source announced. */
  ofContainer(via: string): Kinds {
    const source = this.#sources.get(via)
    // Whoever observed it says so with each act.
    if (source?.supports.relays === true) return nothing
    if (source?.supports.byRule === true) return this.#reported.get(via) ?? nothing
    if (source !== undefined) return this.#whole(via, source)
    // It waited for its identity, and came from a source that tells the start of containers.
    for (const [name, each] of this.#sources) {
      if (each.supports.containers) return this.#whole(name, each)
    }
    return nothing
  }

  #whole(name: string, { supports }: EventSource): Kinds {
    const known = this.#reported.get(name)
    if (known !== undefined && known.size === supports.kinds.length) return known
    const kinds = new Set(supports.kinds)
    this.#reported.set(name, kinds)
    return kinds
  }

  #byRule(name: string, kind: EventKind, kinds: readonly EventKind[]): Kinds {
    const reported = this.#reported.get(name) ?? nothing
    if (reported.has(kind) || !kinds.includes(kind)) return reported
    const more = new Set([...reported, kind])
    this.#reported.set(name, more)
    return more
  }
}
