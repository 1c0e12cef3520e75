import { LRUCache } from 'lru-cache'
import type { Alert, AlertBehaviour } from '../../../core/event/alert.ts'
import { sampleChars } from './cause-fold.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** Runs of programs whose alert the agent remembers, for the files that these programs load. */
export const loadingRunsKept = 4_096
/** Loaded files of one alert. A program and its libraries stay far below it. */
export const loadedKept = 128

/** Which alert is about the run of a program. */
export class RunAlerts {
  readonly #alerts = new LRUCache<string, string>({ max: loadingRunsKept })

  add(run: string, id: string): void {
    this.#alerts.set(run, id)
  }

  idOf(run: string): string | undefined {
    return this.#alerts.get(run)
  }
}

/** The alert with one more file that its program loaded; undefined where it has no room. */
export function withLoaded(alert: Alert, behaviour: AlertBehaviour): Alert | undefined {
  const { loaded = [] } = alert
  if (loaded.some(({ id }) => id === behaviour.id)) return alert
  const all = [...loaded, behaviour]
  const size = all.reduce((sum, { object, text }) => sum + object.length + text.length, 0)
  return all.length > loadedKept || size > sampleChars
    ? undefined
    : withChanges(alert, { loaded: all })
}
