import { liveAsk } from '../api/live-filter.ts'
import { LiveLog, type LiveMessage as Reported, type LiveReader } from '../api/live-log.ts'
import { gatewayPaths } from '../serve/gateway/gateway-protocol.ts'
import { engineQuery, isOfEvents, type LiveMessage, type LiveRequest } from '../serve/live-query.ts'
import { rememberBytes } from '../serve/live-socket.ts'
import type { BackendClient } from './backend-client.ts'

type Item = Parameters<ReturnType<typeof liveAsk>['wants']>[0]

const newsKept = 8_192

/**
 * The live stream, read from the daemon once for all clients of the page and the API: the gateway pays their cost, and
 * not the process that judges.
 */
export class LiveFeed {
  readonly #link: BackendClient
  #news: Promise<LiveLog<Item>> | undefined

  constructor(link: BackendClient) {
    this.#link = link
  }

  async subscribe(request: LiveRequest): Promise<LiveReader<unknown>> {
    if (isOfEvents(request)) return eventsOf(this.#link, request)
    this.#news ??= followNews(this.#link)
    return (await this.#news).subscribe(liveAsk(engineQuery(request)))
  }
}

/** Resolves once the daemon reports the start of its stream; runs until that ends. */
function followNews(link: BackendClient): Promise<LiveLog<Item>> {
  return new Promise((resolve, reject) => {
    let log: LiveLog<Item> | undefined
    const read = async (): Promise<void> => {
      // From the first message that the daemon has: a client may ask for messages from before this gateway started.
      for await (const line of link.lines(`${gatewayPaths.live}?from=0`)) {
        const message = JSON.parse(line) as LiveMessage
        if (message.type === 'restarted') {
          log = new LiveLog({ capacity: newsKept, first: message.n + 1 })
          resolve(log)
        } else if (message.type === 'item') {
          rememberBytes(message, Buffer.from(line))
          log?.put(message as typeof message & { readonly item: Item })
        }
      }
    }
    read()
      .catch(reject)
      .finally(() => log?.close())
  })
}

/** Events are a separate stream for each reader: the daemon drops messages for slow readers and reports how many. */
async function eventsOf(link: BackendClient, request: LiveRequest): Promise<LiveReader<unknown>> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request)) query.set(name, String(value))
  const gone = new AbortController()
  const lines = link.lines(`${gatewayPaths.live}?${query.toString()}`, gone.signal)
  const first = await lines.next()
  const ready = JSON.parse(first.value as string) as LiveMessage
  return new LineReader(lines, ready.type === 'ready' ? ready.n : 0, gone)
}

/** Lines that may wait here: while there are as many, none is read. */
const linesKept = 256

class LineReader implements LiveReader<unknown> {
  readonly begin: number
  onNews: () => void = () => undefined
  ended = false
  readonly #waiting: Reported<unknown>[] = []
  readonly #gone: AbortController
  #goOn: () => void = () => undefined

  constructor(lines: AsyncIterable<string>, begin: number, gone: AbortController) {
    this.begin = begin
    this.#gone = gone
    this.#read(lines)
      .catch(() => undefined)
      .finally(() => this.close())
  }

  take(max: number): readonly Reported<unknown>[] {
    const taken = this.#waiting.splice(0, max)
    this.#goOn()
    return taken
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    this.#goOn()
    this.#gone.abort()
    this.onNews()
  }

  async #read(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) {
      const message = JSON.parse(line) as Reported<unknown>
      if (message.type === 'item') rememberBytes(message, Buffer.from(line))
      this.#waiting.push(message)
      this.onNews()
      while (this.#waiting.length >= linesKept && !this.ended) {
        await new Promise<void>((resolve) => (this.#goOn = resolve))
      }
      if (this.ended) return
    }
  }
}
