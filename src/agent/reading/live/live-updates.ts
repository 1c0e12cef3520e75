import type { Alert } from '../../../core/event/alert.ts'
import type { LossEvent, SnugEvent } from '../../../core/event/event.ts'
import type { Steps } from '../../../core/steps.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import { LiveLog } from '../../../api/live-log.ts'
import type { StateNews, StatusView } from '../../../api/status-views.ts'
import { revisionOf } from './revision.ts'

/** Messages that a lost connection is resumed from; of events also those that are on record. */
export const kept = 8_192
/** Numbers a millisecond: as many as no agent publishes, so that none is given twice over restarts. */
const numbersPerMs = 1_000

/** Live updates: alerts and states in one stream, events in another. */
export class LiveUpdates {
  readonly news: LiveLog<Alert | StateNews>
  readonly events: LiveLog<SnugEvent>
  readonly #now: () => number
  readonly #moved = new Set<DeployedVersion>()
  #status = ''

  constructor(now: () => number) {
    this.#now = now
    const first = now() * numbersPerMs
    this.news = new LiveLog({ capacity: kept, first })
    this.events = new LiveLog({ capacity: kept, first })
  }

  alerts(alerts: readonly Alert[]): void {
    for (const alert of alerts) this.news.publish('alerts', alert)
  }

  loss({ time, source, loss, image, container }: LossEvent): void {
    this.news.publish('states', {
      kind: 'loss',
      time,
      source,
      loss,
      ...(image === undefined ? {} : { image }),
      ...(container === undefined ? {} : { container }),
    })
  }

  /**
   * A version changed its state, was decided on, or gained or lost a container. Sent once for each
   * turn of the loop.
   */
  moved(version: DeployedVersion): void {
    if (this.#moved.size === 0) setImmediate(() => this.#reportMoved())
    this.#moved.add(version)
  }

  removed(version: DeployedVersion): void {
    this.#moved.delete(version)
    const time = this.#time
    this.news.publish('states', { kind: 'removed', time, image: version.image })
  }

  /** The state of the agent, where it is another than at the last call. */
  status({ state, degraded }: Pick<StatusView, 'state' | 'degraded'>): void {
    const text = JSON.stringify([state, degraded])
    if (text === this.#status) return
    this.#status = text
    this.news.publish('states', { kind: 'status', time: this.#time, state, degraded })
  }

  /** Compresses messages of before the last call, with pauses. */
  *restSteps(): Steps<void> {
    yield* this.news.restSteps()
    yield* this.events.restSteps()
  }

  close(): void {
    this.news.close()
    this.events.close()
  }

  get #time(): string {
    return new Date(this.#now()).toISOString()
  }

  #reportMoved(): void {
    const time = this.#time
    for (const version of this.#moved) {
      const { image, life, running, shownState: state, shownBecause: because } = version
      const { mode } = life
      const revision = revisionOf([version])
      const stands = { state, mode, because, running, revision }
      this.news.publish('states', { kind: 'version', time, image, ...stands })
    }
    this.#moved.clear()
  }
}
