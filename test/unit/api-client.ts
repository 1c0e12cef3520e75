import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import type { ServerFixture } from './server-fixtures.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: unknown
}

export interface Asked {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Absent: over TCP. */
  readonly socketPath?: string
}

/** One request, as it is: nothing is added to it, and no redirect followed. */
export function ask(fixture: ServerFixture, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', body, headers = {}, socketPath } = asked
  const { hostname, port } =
    socketPath === undefined ? new URL(fixture.url) : { hostname: '', port: '' }
  const where = socketPath === undefined ? { host: hostname, port } : { socketPath }
  return new Promise((resolve, reject) => {
    // Of a DELETE nothing works the length out, and its body would be taken for the next request.
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const options = { ...where, path, method, headers: { ...length, ...headers }, agent: false }
    const sent = request(options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '')
        const json: unknown = isJson ? JSON.parse(text) : undefined
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` }
}

export function adminToken({ dir }: ServerFixture): string {
  return readFileSync(join(dir, 'data', 'admin.token'), 'utf8')
}
