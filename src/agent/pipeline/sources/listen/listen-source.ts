import { describeError, SnugError } from '../../../../errors.ts'
import { EventLineParser, type ParsedLines } from '../event-lines.ts'
import { LineTally, type TallyOptions } from '../line-tally.ts'
import type {
  EventSource,
  SourceBatch,
  SourceState,
  SourceStats,
  SourceSupport,
} from '../source.ts'
import type { Door, PeerCount } from './door.ts'
import { HandOver } from './hand-over.ts'
import { HttpDoor } from './http-door.ts'
import { parseListenAddress } from './listen-address.ts'
import { PacketDoor } from './packet-door.ts'
import { UnixDoor } from './unix-door.ts'

interface Received {
  readonly found: ParsedLines
  readonly peer: string
}

/** Peers whose rejected lines are counted by name; the rest share one count. */
const peersNamed = 64
const settleMs = 1_000
const nothing: ParsedLines = { events: [], lines: [], rejected: [], rejectedCount: 0 }

/** The stream broke: at least one line is incomplete. */
function cut(parser: EventLineParser, error: unknown): ParsedLines {
  const left = parser.end()
  if (left.rejectedCount > 0) return left
  const { line } = parser
  const message = `line ${line} and the rest did not arrive: ${describeError(error)}`
  return { ...left, rejected: [{ line, code: 'EVENT_FILE_CUT', message }], rejectedCount: 1 }
}

/**
 * Events from other programs: lines on a unix socket, or in the bodies of HTTP requests. Any number
 * of peers can connect. The source reads each peer only as fast as its events are judged, and holds
 * at most one line of it. An unfinished line counts as one bad line of that peer.
 *
 * Errors: `CONFIG_INVALID` for an invalid spec; `LISTEN_FAILED`, `AGENT_RUNNING`,
 * `CONFIG_UNREADABLE` if it cannot listen.
 */
export class ListenSource implements EventSource {
  readonly name: string
  readonly supports: SourceSupport
  readonly inside?: ReadonlySet<string>
  readonly #tally: LineTally
  readonly #door: Door
  readonly #received = new HandOver<Received>()
  readonly #rejectedOf = new Map<string, number>()
  #state: SourceState = { kind: 'starting' }
  #used = false

  /** @param spec `unix:PATH` or `http:HOST:PORT`, see {@link parseListenAddress} */
  constructor(spec: string, options: Omit<TallyOptions, 'name'>) {
    const address = parseListenAddress(spec)
    const { kinds, byRule = false, relays = false } = address.format
    this.name = `listen:${spec}`
    this.supports = { kinds, byRule, relays, filter: false, containers: false }
    this.#tally = new LineTally(address.format, { ...options, name: this.name })
    const take = (name: string, chunks: AsyncIterable<Uint8Array>): Promise<PeerCount> =>
      this.#take(name, chunks)
    const { packets } = address.format
    if (address.kind === 'http') this.#door = new HttpDoor(address, take)
    else if (packets === undefined) this.#door = new UnixDoor(address, take)
    else this.#door = new PacketDoor({ ...address, greeting: packets }, take)
    const { inside } = this.#tally.mapper
    if (inside !== undefined) this.inside = inside
  }

  get state(): SourceState {
    return this.#state
  }

  get stats(): SourceStats {
    const { open, accepted, refused } = this.#door.counts
    const bad = [...this.#rejectedOf].map(
      ([name, n]) => [`rejected of ${name}`, String(n)] as const,
    )
    return this.#tally.stats({
      address: this.#door.place,
      peers: String(open),
      'peers accepted': String(accepted),
      'peers refused': String(refused),
      ...Object.fromEntries(bad),
    })
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    if (this.#used) throw new SnugError('INTERNAL', `the source \`${this.name}\` was already read`)
    this.#used = true
    const stop = (): void => this.#received.close()
    let settling: NodeJS.Timeout | undefined
    try {
      if (signal.aborted) return
      signal.addEventListener('abort', stop, { once: true })
      await this.#tally.mapper.load?.()
      await this.#door.open()
      this.#state = { kind: 'running' }
      if (this.#tally.mapper.settle !== undefined) {
        settling = this.#settleEach(settleMs)
      }
      for await (const { found, peer } of this.#received.taken()) {
        if (found.rejectedCount > 0) this.#blame(peer, found.rejectedCount)
        const batch = this.#tally.batch(found, `${this.name} ${peer}`, false)
        if (batch.length > 0) yield batch
      }
    } finally {
      clearInterval(settling)
      signal.removeEventListener('abort', stop)
      stop()
      await this.#door.close()
      this.#state = { kind: 'stopped' }
    }
  }

  /** Checks periodically for completed events of several lines; checks never overlap. */
  #settleEach(ms: number): NodeJS.Timeout {
    let isDue = true
    return setInterval(() => {
      if (!isDue) return
      isDue = false
      void this.#received.give({ found: nothing, peer: '' }).then(() => (isDue = true))
    }, ms)
  }

  async #take(peer: string, chunks: AsyncIterable<Uint8Array>): Promise<PeerCount> {
    const parser = new EventLineParser(this.#tally.mapper.take)
    let count: PeerCount = { accepted: 0, rejected: 0, whole: true }
    const give = async (found: ParsedLines): Promise<void> => {
      const { events, rejected, rejectedCount } = found
      if (events.length === 0 && rejectedCount === 0) return
      const whole = await this.#received.give({ found, peer })
      const first = count.first ?? rejected[0]
      count = {
        accepted: count.accepted + events.length,
        rejected: count.rejected + rejectedCount,
        ...(first === undefined ? {} : { first }),
        whole,
      }
    }
    try {
      for await (const chunk of chunks) {
        await give(parser.push(chunk))
        if (!count.whole) return count
      }
    } catch (error) {
      await give(cut(parser, error))
      return count
    }
    await give(parser.end())
    return count
  }

  #blame(peer: string, rejected: number): void {
    const isNew = !this.#rejectedOf.has(peer)
    const name = isNew && this.#rejectedOf.size >= peersNamed ? 'others' : peer
    this.#rejectedOf.set(name, (this.#rejectedOf.get(name) ?? 0) + rejected)
  }
}
