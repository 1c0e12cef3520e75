import { signal } from '@preact/signals'
import type { Alert } from '../../core/event/alert.ts'
import type { LiveMessage } from '../../api/live-log.ts'
import { slowest } from './api.ts'

/** Messages of `/v1/live`: the numbered ones, and the first one of each connection. */
type Message =
  | LiveMessage<unknown>
  | { readonly type: 'ready'; readonly n: number }
  | { readonly type: 'error' }

export interface Connection {
  readonly state: 'connecting' | 'live' | 'lost'
  /** Epoch milliseconds: since when. */
  readonly since: number
  /** Messages from the time of a lost connection, received after it was restored. */
  readonly caughtUp: number
  /** Lost messages: their data was requested again. */
  readonly missed: number
}

export const connection = signal<Connection>({
  state: 'connecting',
  since: Date.now(),
  caughtUp: 0,
  missed: 0,
})
/** Rises whenever something changed that a view may show: views ask again then. */
export const pulse = signal(0)

const retryFirstMs = 250
const retryLastMs = 5_000
/** A burst of alerts is one reason to look again. */
const pulseMs = 150
/** Looking again takes at most a fifth of the agent's time, however many alerts there are. */
const restFor = 4

/** Number of the last message; 0: none yet. */
let last = 0
let retryMs = retryFirstMs
let pending: number | undefined
let lostAt = 0

function beat(): void {
  pending ??= window.setTimeout(lookAgain, Math.max(pulseMs, slowest.peek() * restFor))
}

/** Something changed: views look again now. */
export function lookAgain(): void {
  clearTimeout(pending)
  pending = undefined
  pulse.value += 1
}

/** Follows the agent for as long as the page is open; after a lost connection from the message after the last. */
export function follow(): void {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const from = last > 0 ? `&from=${last + 1}` : ''
  const socket = new WebSocket(`${scheme}//${location.host}/v1/live?topics=alerts,states${from}`)
  socket.onmessage = ({ data }: MessageEvent<string>) => take(JSON.parse(data) as Message)
  socket.onclose = () => {
    if (connection.value.state !== 'lost') {
      lostAt = Date.now()
      connection.value = { state: 'lost', since: lostAt, caughtUp: 0, missed: 0 }
    }
    setTimeout(follow, retryMs)
    retryMs = Math.min(retryMs * 2, retryLastMs)
  }
}

function take(message: Message): void {
  if (message.type === 'error') return
  const { value } = connection
  switch (message.type) {
    case 'ready':
      connection.value = { state: 'live', since: Date.now(), caughtUp: 0, missed: 0 }
      retryMs = retryFirstMs
      // The stream resumes its messages; data without messages, such as counts, is requested again.
      if (last > 0) beat()
      last = Math.max(last, message.n)
      return
    case 'item':
      if (lostAt > 0 && isOf(message.item, lostAt, value.since)) {
        connection.value = { ...value, caughtUp: value.caughtUp + 1 }
      }
      break
    case 'lagged':
      connection.value = { ...value, missed: value.missed + message.missed }
      break
    case 'restarted':
      break
  }
  last = message.n
  beat()
}

/** An alert of the time in between. */
function isOf(item: unknown, from: number, to: number): boolean {
  const { lastSeen } = item as Partial<Alert>
  const at = lastSeen === undefined ? NaN : Date.parse(lastSeen)
  return at >= from && at <= to
}
