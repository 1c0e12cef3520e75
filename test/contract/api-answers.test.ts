import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { request } from 'node:http'
import type { z } from 'zod'
import { routes } from '../../src/serve/routes/routes.ts'
import { sampleEvent, type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

/** Every answer matches the schema of its route, so the published OpenAPI describes what is sent. */
let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startFixture({ tcp: true })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

const bodies: Readonly<Record<string, unknown>> = {
  'PUT /v1/images/:ref/mode': { mode: 'alert' },
  'PUT /v1/images/:ref/class': { class: 'open', reason: 'an agent' },
  'PUT /v1/images/:ref/scan': {
    coverage: 'one container was seen',
    counts: { 'in-use': 1, loaded: 0, unknown: 0, 'not-seen': 0 },
    findings: [
      {
        id: 'CVE-2024-1',
        severity: 'high',
        package: 'curl',
        version: '8.1-1',
        fixed: ['8.5-2'],
        use: 'in-use',
        why: '/usr/bin/curl was executed',
      },
    ],
  },
  'POST /v1/images/:ref/break-glass': { for: '15m', reason: 'the shop is down' },
  'POST /v1/cases': { container: 'web-1', reason: 'a web shell' },
  'POST /v1/holds': { target: 'web-1', reason: 'a web shell' },
  'POST /v1/holds/release': { target: 'web-1' },
  'POST /v1/alerts/:id/ack': { reason: 'known' },
  'POST /v1/incidents/:id/close': { revision: 'r-1', reason: 'an exercise' },
  'POST /v1/images/:ref/reject': { behaviours: ['b-7'] },
  'POST /v1/images/:ref/withdraw': { behaviours: ['b-7'] },
  'POST /v1/review/decide': {
    decision: 'approve',
    places: [{ ref: 'registry.local/shop/web:1.4', revision: '1', behaviours: ['b-7'] }],
  },
  'POST /v1/images/:ref/forget': { what: { container: 'web-1' }, reason: 'a test' },
  'POST /v1/images/:ref/incident': { session: 's1', reason: 'an intruder' },
  'POST /v1/images/:ref/test-edit': { allow: ['b-7'], reject: ['b-9'] },
  'POST /v1/starts': { id: 'ab'.repeat(32), pid: 1, status: 'created' },
  'POST /v1/tokens': { name: 'ci', role: 'viewer' },
  'POST /v1/tool-calls': { tool: 'show_image', input: { image: 'registry.local/shop/web' } },
}
const queries: Readonly<Record<string, string>> = {
  'GET /v1/images/:ref/diff': `?to=${encodeURIComponent('registry.local/shop/web:1.5')}`,
}

function send(method: string, path: string, body: string | undefined): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: fixture.socket, method, path, agent: false }
    const sent = request(options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => resolve([response.statusCode ?? 0, text]))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

// The order of the table makes a token before it revokes it.
// `server-session.test.ts` covers the gateway's own answers.
const answering = routes.filter(({ answer, gateway }) => answer !== 'socket' && gateway !== true)

describe.each(answering)('$method $path', ({ method, path, answer, stream }) => {
  it('answers according to its schema', async () => {
    const name = `${method} ${path}`
    const real = path
      .replace(':ref', encodeURIComponent('registry.local/shop/web:1.4'))
      .replace(':id', '01-a')
      .replace(':name', 'ci')
      .replace(':seq', '1')
    const body = bodies[name] === undefined ? undefined : JSON.stringify(bodies[name])
    const events = `${JSON.stringify(sampleEvent)}\n`
    const [status, text] = await send(method, real + (queries[name] ?? ''), stream ? events : body)
    expect(status, text).toBe(200)
    if (typeof answer === 'string') expect(text).not.toBe('')
    else expect((answer as z.ZodType).safeParse(JSON.parse(text)).error).toBeUndefined()
  })
})
