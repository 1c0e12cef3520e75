import { LRUCache } from 'lru-cache'
import type { Alert } from '../../../core/event/alert.ts'
import {
  type AlertSession,
  type SessionPerson,
  sessionKey,
  sessionsOfAlert,
} from '../../../core/person/session-person.ts'
import { withChanges } from '../../../core/with-changes.ts'

const bounds = { sessions: 4_096, ofSession: 256 } as const

/** The alerts of each session, whose person may become known later. */
export class SessionAlerts {
  readonly #ids = new LRUCache<string, Set<string>>({ max: bounds.sessions })

  /** @param key {@link sessionKey} */
  add(key: string, alert: string): void {
    const ids = this.#ids.get(key) ?? new Set()
    if (ids.size < bounds.ofSession) ids.add(alert)
    this.#ids.set(key, ids)
  }

  restore({ id, container, sessions = [] }: Alert): void {
    if (container !== undefined)
      for (const session of sessions) this.add(sessionKey(container.id, session.id), id)
  }

  of(key: string): Iterable<string> {
    return this.#ids.get(key) ?? []
  }
}

/** Of more sessions than an alert has, the first ones; the others are the latest. */
const firstKept = 4

/** The alert with a session that has events in it. */
export function withSession(alert: Alert, session: AlertSession): Alert {
  const { sessions = [] } = alert
  const isThere = sessions.some(({ id }) => id === session.id)
  if (isThere) return alert
  const kept =
    sessions.length < sessionsOfAlert
      ? sessions
      : [...sessions.slice(0, firstKept), ...sessions.slice(firstKept + 1)]
  return withChanges(alert, { sessions: [...kept, session] })
}

export function withPerson(alert: Alert, key: string, person: SessionPerson): Alert {
  const { container, sessions = [] } = alert
  const own = container?.id ?? ''
  if (!sessions.some(({ id }) => sessionKey(own, id) === key)) return alert
  const changed = sessions.map((session) =>
    sessionKey(own, session.id) === key ? { ...session, person } : session,
  )
  return withChanges(alert, { sessions: changed })
}
