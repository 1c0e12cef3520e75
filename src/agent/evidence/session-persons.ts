import { LRUCache } from 'lru-cache'
import type { Alert } from '../../core/event/alert.ts'
import type { ActEvent, LossEvent } from '../../core/event/event.ts'
import { PodEntries, podName } from './pod-entries.ts'
import { type AuditedRequest, joined } from '../../core/person/audited-request.ts'
import {
  ephemeralMs,
  personsOf,
  type SeenSession,
  skewMs,
  streamsMs,
} from '../../core/person/session-join.ts'
import type { Certainty } from '../../core/person/certainty.ts'
import {
  type AlertSession,
  sessionKey,
  type SessionPerson,
  unknown,
} from '../../core/person/session-person.ts'

export interface SessionPersonsOptions {
  /** Whether the audit log can be read now. Absent: there is none. */
  readonly reads?: () => boolean
  /** Epoch milliseconds. */
  readonly now: () => number
  /** It is known now who began the session, or not known any more. */
  readonly onPerson: (key: string, person: SessionPerson) => void
}

/** An API server writes its log at once, or in batches of a second. What comes later still counts, see {@link keptMs}. */
export const settleMs = 5_000
/** How long a session waits for a late line of the audit log. */
export const keptMs = 15 * 60_000
export const personBounds = {
  sessions: { all: 1_024, ofPod: 256 },
  requests: { all: 4_096, ofPod: 256 },
  results: 4_096,
  /** Containers with a loss of events. */
  lost: 1_024,
} as const
/** Sessions that began this long before another one may have had its request. */
const aroundMs = streamsMs + 2 * skewMs
/** A request is kept as long as a session that may need it. */
const requestsKeptMs = keptMs + ephemeralMs + aroundMs

/** Sessions of containers, requests that let persons into pods, and what follows from both. */
export class SessionPersons {
  /** Sessions by what is known of who began them. */
  readonly counts: Record<Certainty | 'unknown', number> = {
    certain: 0,
    likely: 0,
    unknown: 0,
  }
  readonly #options: SessionPersonsOptions
  readonly #sinceMs: number
  readonly #sessions = new PodEntries<SeenSession>(
    personBounds.sessions,
    (one) => one.beganMs,
    (key) => this.#dropped(key),
  )
  readonly #requests = new PodEntries<AuditedRequest>(
    personBounds.requests,
    (one) => one.receivedMs,
  )
  readonly #results = new LRUCache<string, AlertSession>({ max: personBounds.results })
  /** Pods to look at again, and when. */
  readonly #due = new Map<string, number>()
  /** Until when events of a container, or of all, were lost. */
  readonly #lost = new LRUCache<string, number>({ max: personBounds.lost })

  constructor(options: SessionPersonsOptions) {
    this.#options = options
    this.#sinceMs = options.now()
  }

  /** The session of the event, with who began it as far as that is known. Undefined of an event of no session. */
  sessionOf(event: ActEvent): (AlertSession & { readonly key: string }) | undefined {
    const { session, origin } = event.process
    if (origin !== 'exec-in' || session === undefined) return undefined
    const key = sessionKey(event.container.id, session)
    const known = this.#results.get(key)
    if (known !== undefined) return { ...known, key }
    const begun = { id: session, since: event.time, person: this.#begin(key, event) }
    this.#results.set(key, begun)
    if (!isWaiting(begun)) this.#count(begun)
    return { ...begun, key }
  }

  /** Sessions that an alert of an earlier agent has. */
  restore({ container, event, sessions = [] }: Alert): void {
    for (const session of container === undefined ? [] : sessions) {
      const key = sessionKey(container?.id ?? '', session.id)
      if (this.#results.has(key)) continue
      this.#results.set(key, session)
      if (!isWaiting(session)) continue
      const isOfEvent = event.kind !== 'loss' && event.process.session === session.id
      const person = isOfEvent ? this.#begin(key, event) : unknown('began-unseen')
      this.#decide(key, session, person)
    }
  }

  takes(request: AuditedRequest): void {
    const { key } = request
    const before = this.#requests.get(key)
    this.#requests.put(key, before === undefined ? request : joined(before, request))
    const name = podName(request)
    if (this.#sessions.of(name).length > 0) this.#due.set(name, 0)
  }

  lost({ container, loss }: LossEvent): void {
    const untilMs = Date.parse(loss.to)
    const name = container?.id ?? ''
    this.#lost.set(name, Math.max(untilMs, this.#lost.get(name) ?? 0))
  }

  tick(): void {
    const nowMs = this.#options.now()
    this.#sessions.forget(nowMs - keptMs)
    this.#requests.forget(nowMs - requestsKeptMs)
    for (const [name, dueMs] of this.#due) {
      if (dueMs > nowMs) continue
      this.#due.delete(name)
      this.#join(name, nowMs)
    }
  }

  #begin(key: string, event: ActEvent): SessionPerson {
    const { container, workload, process, kind } = event
    const { namespace, pod } = workload ?? {}
    if (this.#options.reads === undefined || namespace === undefined || pod === undefined)
      return unknown('no-source')
    const isEphemeral =
      container.role === 'ephemeral' && container.id.startsWith(process.session ?? '-')
    const isFirst = kind === 'exec' && process.parent === undefined
    if (!isFirst && !isEphemeral) return unknown('began-unseen')
    const { args, argsCut, script } = process
    const session: SeenSession = {
      key,
      namespace,
      pod,
      container: container.name?.slice(pod.length + 1) ?? '',
      isEphemeral,
      beganMs: Date.parse(event.time),
      program: {
        ...(args === undefined ? {} : { args }),
        ...(argsCut === undefined ? {} : { argsCut }),
        ...(script === undefined ? {} : { script }),
      },
      isWhole: true,
    }
    this.#sessions.put(key, session)
    this.#due.set(podName(session), this.#options.now() + settleMs)
    return unknown('waiting')
  }

  #join(name: string, nowMs: number): void {
    const sessions = this.#sessions
      .of(name)
      .map((session) => ({ ...session, isWhole: this.#isWhole(session) }))
    const persons = personsOf(sessions, this.#requests.of(name))
    let nextMs = Infinity
    for (const { key, beganMs } of sessions) {
      const [session, person] = [this.#results.get(key), persons.get(key)]
      if (session === undefined || person === undefined) continue
      const dueMs = beganMs + settleMs
      if (nowMs < dueMs) nextMs = Math.min(nextMs, dueMs)
      else this.#decide(key, session, this.#isBlindTo(person) ? unknown('no-source') : person)
    }
    if (nextMs !== Infinity) this.#due.set(name, nextMs)
  }

  /** Nobody will be able to name this one. */
  #dropped(key: string): void {
    const session = this.#results.get(key)
    if (session !== undefined && isWaiting(session))
      this.#decide(key, session, unknown('more-sessions'))
  }

  #isBlindTo(person: SessionPerson): boolean {
    const isMissing = person.certainty === 'unknown' && person.why === 'no-request'
    return isMissing && this.#options.reads?.() !== true
  }

  #decide(key: string, before: AlertSession, person: SessionPerson): void {
    if (JSON.stringify(before.person) === JSON.stringify(person)) return
    const session = { ...before, person }
    this.#results.set(key, session)
    this.#count(session, before)
    this.#options.onPerson(key, person)
  }

  #count({ person }: AlertSession, before?: AlertSession): void {
    if (before !== undefined && !isWaiting(before)) this.counts[before.person.certainty] -= 1
    this.counts[person.certainty] += 1
  }

  /** Whether every session and request from around then is known. */
  #isWhole({ beganMs, key }: SeenSession): boolean {
    const container = key.slice(0, key.indexOf('/'))
    const missingMs = Math.max(
      this.#sinceMs,
      this.#lost.get('') ?? 0,
      this.#lost.get(container) ?? 0,
      this.#sessions.droppedMs,
      this.#requests.droppedMs,
    )
    return beganMs - aroundMs >= missingMs
  }
}

function isWaiting({ person }: AlertSession): boolean {
  return person.certainty === 'unknown' && person.why === 'waiting'
}
