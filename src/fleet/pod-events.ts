import { setTimeout as delay } from 'node:timers/promises'
import { CoreV1Api, type CoreV1Event } from '@kubernetes/client-node'
import { LRUCache } from 'lru-cache'
import { decodeTime } from 'ulid'
import { z } from 'zod'
import type { Alert } from '../core/event/alert.ts'
import {
  type AuditRecord,
  isAlert,
  isAudit,
  type OutboundRecord,
} from '../core/event/outbound-record.ts'
import { Backoff } from '../support/backoff.ts'
import { asked, type KubeApi } from './kubernetes/api.ts'
import { askedMs, hasAnswered, KubeError, kubeBackoff } from './kubernetes/kube-error.ts'
import type { PodView } from './kubernetes/pod-containers.ts'

export interface PodEventsOptions {
  readonly api: KubeApi
  readonly node: string
  readonly pod: (namespace: string, name: string) => PodView | undefined
  /** Events that were not written, and why. */
  readonly onLost?: (count: number, error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** At once, and then one each so many milliseconds. */
export const podEventRates = {
  pod: { burst: 10, eachMs: 60_000 },
  node: { burst: 60, eachMs: 1_000 },
} as const
/** Pods whose rate is remembered. */
export const podsLimited = 1_024
/** Events that wait for the API server. */
export const eventsWaiting = 256
/** Of the server, in characters. */
const longestMessage = 1_024
const longestName = 253
const oldestMs = 300_000

interface Waiting {
  readonly namespace: string
  readonly event: CoreV1Event
  readonly since: number
}

/**
 * Writes an Event on the pod of each new alert and each hold, for `kubectl describe pod`. Events are a hint, and the alert is the
 * record: they are limited by pod and node, and lost where the API server takes none for five minutes. Alerts of low
 * risk (novelty) and those that a summary stands for get none.
 */
export class PodEvents {
  readonly #options: PodEventsOptions
  readonly #now: () => number
  readonly #api: CoreV1Api
  readonly #sinceMs: number
  readonly #node: Rate
  readonly #pods: LRUCache<string, Rate>
  readonly #seen = new LRUCache<string, true>({ max: 4_096 })
  readonly #queue: Waiting[] = []
  #running: Promise<void> = Promise.resolve()
  #isRunning = false
  readonly #end = new AbortController()

  constructor(options: PodEventsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#api = options.api.client(CoreV1Api)
    this.#sinceMs = this.#now()
    this.#node = new Rate(podEventRates.node, this.#sinceMs)
    this.#pods = new LRUCache({ max: podsLimited })
  }

  /** These records were stored. One whose count rose comes again. */
  stored(records: readonly OutboundRecord[]): void {
    for (const record of records) {
      if (isAlert(record)) this.#takeAlert(record)
      else if (isAudit(record)) this.#takeAudit(record)
    }
    if (this.#isRunning || this.#queue.length === 0) return
    this.#isRunning = true
    this.#running = this.#write()
  }

  /** Drops what waits. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#running
  }

  /** Of holds and their ends. They are few, so a flood of alerts keeps none of them back. */
  #takeAudit({ id, entry }: AuditRecord): void {
    const { data } = holdEntry.safeParse(entry)
    if (data === undefined || decodeTime(id) < this.#sinceMs) return
    for (const name of data.pods) {
      const [namespace = '', podName = ''] = name.split('/')
      const pod = this.#options.pod(namespace, podName)
      if (pod !== undefined)
        this.#add(namespace, holdEvent(id, data, pod, this.#options.node), this.#now())
    }
  }

  #takeAlert(alert: Alert): void {
    const { id, workload, novelty, partOf } = alert
    if (novelty === true || partOf !== undefined || workload?.pod === undefined) return
    const { namespace, pod: name } = workload
    // One of an agent before this one has its event.
    if (namespace === undefined || decodeTime(id) < this.#sinceMs || this.#seen.has(id)) return
    const pod = this.#options.pod(namespace, name)
    if (pod === undefined) return
    this.#seen.set(id, true)
    const now = this.#now()
    const rate = this.#pods.get(pod.uid) ?? new Rate(podEventRates.pod, now)
    this.#pods.set(pod.uid, rate)
    if (!rate.allows(now) || !this.#node.allows(now)) {
      rate.skipped += 1
      return
    }
    const event = podEvent(alert, pod, this.#options.node, rate.skipped)
    rate.skipped = 0
    this.#add(namespace, event, now)
  }

  #add(namespace: string, event: CoreV1Event, since: number): void {
    if (this.#queue.length === eventsWaiting) {
      this.#queue.shift()
      this.#options.onLost?.(1, new KubeError('too many events wait'))
    }
    this.#queue.push({ namespace, event, since })
  }

  async #write(): Promise<void> {
    const backoff = new Backoff(kubeBackoff)
    const { signal } = this.#end
    for (let next = this.#queue[0]; next !== undefined && !signal.aborted; next = this.#queue[0]) {
      try {
        await asked(
          this.#api.createNamespacedEvent({ namespace: next.namespace, body: next.event }),
        )
        this.#done(next)
        backoff.reset()
      } catch (error) {
        // 409: an answer was lost, and the event is there.
        if (hasAnswered(error, 409)) this.#done(next)
        else if (!isPassing(error) || this.#now() - next.since > oldestMs) {
          this.#done(next)
          this.#options.onLost?.(1, error)
        } else {
          const ms = backoff.next(askedMs(error))
          await delay(ms, undefined, { signal }).catch(() => undefined)
        }
      }
    }
    this.#isRunning = false
  }

  /** It is not the first any more where the queue was full meanwhile. */
  #done(event: Waiting): void {
    if (this.#queue[0] === event) this.#queue.shift()
  }
}

/** No answer, too many requests, or a fault of the server. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false
  const { answered } = error
  return answered === undefined || answered === 429 || answered >= 500
}

/** A bucket of allowances. */
class Rate {
  readonly #rules: { readonly burst: number; readonly eachMs: number }
  #left: number
  #at: number
  /** Alerts without an event since the last one with one. */
  skipped = 0

  constructor(rules: { readonly burst: number; readonly eachMs: number }, now: number) {
    this.#rules = rules
    this.#left = rules.burst
    this.#at = now
  }

  allows(now: number): boolean {
    const { burst, eachMs } = this.#rules
    const more = Math.max(0, Math.floor((now - this.#at) / eachMs))
    this.#at += more * eachMs
    this.#left = Math.min(burst, this.#left + more)
    if (this.#left === 0) return false
    this.#left -= 1
    return true
  }
}

/** In the audit trail: pods of which containers are held, or are no longer. */
const holdEntry = z.object({
  what: z.enum(['hold', 'release']),
  who: z.string(),
  time: z.string(),
  level: z.string(),
  reason: z.string().default(''),
  until: z.string(),
  pods: z.array(z.string()),
})

export function holdEvent(
  id: string,
  { what, who, time, level, reason, until }: z.infer<typeof holdEntry>,
  pod: EventPod,
  node: string,
): CoreV1Event {
  const isHold = what === 'hold'
  const head = isHold ? `held (${level}) until ${until}` : `no longer held (${level})`
  return eventOn(pod, node, {
    id,
    time,
    type: isHold ? 'Warning' : 'Normal',
    reason: isHold ? 'SnugHeld' : 'SnugReleased',
    head: `${head} by ${who}${reason === '' ? '' : `: ${reason}`}`,
    tail: '',
  })
}

/** @param skipped alerts of the pod before it that have no event */
export function podEvent(alert: Alert, pod: EventPod, node: string, skipped: number): CoreV1Event {
  const { id, time, severity, type, action, process, behaviour, reasons } = alert
  const actor = process === undefined ? '' : `${process.exe}: `
  const text = behaviour?.text ?? reasons[0] ?? type
  const why = behaviour === null ? '' : `: ${reasons[0] ?? ''}`
  const more = skipped === 0 ? '' : ` (${skipped} alerts before it have no event)`
  const container = alert.container?.name?.slice(pod.name.length + 1) ?? ''
  return eventOn(pod, node, {
    id,
    time,
    type: 'Warning',
    reason: `Snug${capital(type)}${capital(action)}`,
    head: `${severity}: ${actor}${text}${why}`,
    tail: `${more} [${id}]`,
    ...(container === '' ? {} : { container }),
  })
}

type EventPod = Pick<PodView, 'namespace' | 'name' | 'uid' | 'cgroupNames'>

interface EventContent {
  /** Of the record. */
  readonly id: string
  readonly time: string
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly head: string
  /** Is not cut where the message is too long. */
  readonly tail: string
  readonly container?: string
}

function eventOn(
  pod: EventPod,
  node: string,
  { id, time, type, reason, head, tail, container }: EventContent,
): CoreV1Event {
  const at = new Date(time)
  return {
    metadata: {
      name: `${pod.name.slice(0, longestName - id.length - 1)}.${id.toLowerCase()}`,
      namespace: pod.namespace,
    },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: pod.namespace,
      name: pod.name,
      // kubectl looks for a static pod by the hash of its manifest.
      uid: pod.cgroupNames.at(-1) ?? pod.uid,
      ...(container === undefined ? {} : { fieldPath: `spec.containers{${printable(container)}}` }),
    },
    type,
    reason,
    message: `${printable(head).slice(0, longestMessage - tail.length)}${tail}`,
    source: { component: 'snug', host: node },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
    reportingComponent: 'snug.dev/agent',
    reportingInstance: node,
  }
}

/** A container chose these texts, and kubectl prints them on a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
