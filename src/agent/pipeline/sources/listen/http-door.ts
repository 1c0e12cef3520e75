import { timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip, createInflate } from 'node:zlib'
import { SnugError } from '../../../../errors.ts'
import { problemOf } from '../../../../support/net/problem.ts'
import { type Door, type TakePeer, mostPeers } from './door.ts'
import type { HttpAddress } from './listen-address.ts'

const unpackers = { gzip: createGunzip, deflate: createInflate } as const
const leastToken = 16

/**
 * Lines in the bodies of POST requests, answered after they are judged. The answer is 200, or 400
 * if a line was invalid; the other lines still count. This suffices for Falco's `http_output`.
 */
export class HttpDoor implements Door {
  readonly #address: HttpAddress
  readonly #take: TakePeer
  // A stream of events may last for hours.
  readonly #server = createServer({ requestTimeout: 0, headersTimeout: 10_000 })
  #token: string | undefined
  #open = 0
  #accepted = 0
  #refused = 0

  constructor(address: HttpAddress, take: TakePeer) {
    this.#address = address
    this.#take = take
    this.#server.maxConnections = mostPeers
    this.#server.on('drop', () => (this.#refused += 1))
    this.#server.on('connection', (socket) => {
      this.#open += 1
      this.#accepted += 1
      socket.once('close', () => (this.#open -= 1))
    })
    this.#server.on('request', (request, response) => void this.#answer(request, response))
  }

  get counts(): Door['counts'] {
    return { open: this.#open, accepted: this.#accepted, refused: this.#refused }
  }

  get place(): string {
    const { host } = this.#address
    const address = this.#server.address()
    const isOpen = typeof address === 'object' && address !== null
    const name = host.includes(':') ? `[${host}]` : host
    return `http://${name}:${isOpen ? address.port : this.#address.port}/`
  }

  async open(): Promise<void> {
    const { host, port, tokenFile } = this.#address
    if (tokenFile !== undefined) this.#token = await readToken(tokenFile)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(new SnugError('LISTEN_FAILED', `cannot listen on \`${host}:${port}\``, { cause }))
      })
      this.#server.listen(port, host, resolve)
    })
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#check(request)
      const body = unpacked(request)
      const { accepted, rejected, first, whole } = await this.#take(nameOf(request), body)
      if (!whole) {
        response.destroy()
      } else if (first === undefined) {
        send(response, 200, 'application/json', { accepted })
      } else {
        refuse(response, new SnugError(first.code, first.message), { accepted, rejected })
      }
    } catch (error) {
      if (!(error instanceof SnugError)) throw error
      // Nothing reads the rest of the request.
      response.once('finish', () => request.destroy())
      refuse(response, error)
    }
  }

  #check({ method, headers, url = '' }: IncomingMessage): void {
    if (method !== 'POST') throw new SnugError('ROUTE_UNKNOWN', 'events are sent by POST')
    // Only browsers send an origin, and web pages have no events to report.
    if (headers.origin !== undefined) throw new SnugError('FORBIDDEN', 'not from a web page')
    if (this.#token === undefined) return
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
    // Falco cannot set a header, so its token is in the URL.
    const given = bearer ?? url.slice(url.lastIndexOf('/') + 1)
    if (!isSame(given, this.#token)) throw new SnugError('UNAUTHENTICATED', 'the token is wrong')
  }
}

async function readToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SnugError('CONFIG_UNREADABLE', `cannot read the token in \`${path}\``, { cause })
  })
  const token = text.trim()
  if (/^[\w.~-]+$/.test(token) && token.length >= leastToken) return token
  const what = `at least ${leastToken} letters, digits, \`.\`, \`_\`, \`~\` or \`-\``
  throw new SnugError('CONFIG_INVALID', `the token in \`${path}\` must be ${what}`)
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function unpacked(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return request
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new SnugError('BODY_INVALID', `unsupported encoding \`${encoding}\`, only gzip, deflate`)
  }
  // The reader of the stream receives its errors.
  return pipeline(request, unpackers[encoding](), () => undefined)
}

function nameOf({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '')
}

function refuse(response: ServerResponse, error: SnugError, more: object = {}): void {
  const problem = problemOf(error)
  send(response, problem.status, 'application/problem+json', { ...problem, ...more })
}

function send(response: ServerResponse, status: number, type: string, body: object): void {
  response.writeHead(status, { 'content-type': type })
  response.end(`${JSON.stringify(body)}\n`)
}
