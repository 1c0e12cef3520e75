import type { SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import {
  allObservables,
  type Observable,
  observableOf,
  type Observed,
} from '../../../core/coverage/observable.ts'
import { sensorKinds } from '../sources/line-formats.ts'
import type { EventSource } from '../sources/source.ts'

const nothing: Observed = new Set()

/**
 * Tracks which kinds of events each source observes. A sensor that reports only what its rules ask
 * for covers a kind from its first event of that kind, in any container. An unknown sensor counts
 * as observing all kinds: a superfluous alert is visible, a missing one is not.
 */
export class SourceCoverage {
  readonly #sources: ReadonlyMap<string, EventSource>
  readonly #reported = new Map<string, Observed>()

  constructor(sources: readonly EventSource[]) {
    this.#sources = new Map(sources.map((source) => [source.name, source]))
  }

  /**
   * Kinds that the source of this event observes. `via` is the agent's source that delivered the
   * event.
   */
  of(event: SnugEvent, via: string): Observed {
    const source = this.#sources.get(via)
    const isOwn = source !== undefined && source.supports.relays !== true
    if (isOwn && source.supports.byRule !== true) return this.#whole(via, source)
    const kinds = isOwn ? source.supports.kinds : sensorKinds.get(event.source)
    if (kinds === undefined) return allObservables
    return this.#byRule(isOwn ? via : event.source, event, kinds)
  }

  /** Kinds that are observed in a container that the source announced. */
  ofContainer(via: string): Observed {
    const source = this.#sources.get(via)
    // A relayed event names the sensor that observed it.
    if (source?.supports.relays === true) return nothing
    if (source?.supports.byRule === true) return this.#reported.get(via) ?? nothing
    if (source !== undefined) return this.#whole(via, source)
    // The container waited for its identity, and its source reports the start of containers.
    for (const [name, each] of this.#sources) {
      if (each.supports.containers) return this.#whole(name, each)
    }
    return nothing
  }

  /** Whether the source reports what containers with their own kernel do in it. */
  isInside(via: string): boolean {
    return this.#sources.get(via)?.inside !== undefined
  }

  /** Whether there is such a source. */
  get hasInside(): boolean {
    return [...this.#sources.keys()].some((via) => this.isInside(via))
  }

  #whole(name: string, { supports }: EventSource): Observed {
    const known = this.#reported.get(name)
    if (known !== undefined) return known
    const all = new Set<Observable>(supports.kinds)
    if (all.has('file')) all.add('setattr')
    if (supports.received === true) all.add('received')
    if (supports.serverNames === true) all.add('server-name')
    this.#reported.set(name, all)
    return all
  }

  #byRule(name: string, event: SnugEvent, kinds: readonly EventKind[]): Observed {
    const reported = this.#reported.get(name) ?? nothing
    const shown = observableOf(event)
    if (reported.has(shown) || !kinds.includes(event.kind)) return reported
    const more = new Set([...reported, shown])
    this.#reported.set(name, more)
    return more
  }
}
