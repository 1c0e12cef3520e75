import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { routes } from '../../src/serve/routes/routes.ts'
import { adminToken, ask, type Asked, bearer } from '../fixtures/api-client.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startFixture({ tcp: true })
  fixture.engine.refuses = undefined
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

const image = `/v1/images/${encodeURIComponent('registry.local/shop/web:1.4')}`
const over = (headers: Record<string, string> = {}): Asked => ({
  headers: { ...bearer(adminToken(fixture)), ...headers },
})

const bodies: Readonly<Record<string, object>> = {
  'PUT /v1/images/:ref/mode': { mode: 'alert' },
  'PUT /v1/images/:ref/class': { class: 'open', reason: 'an agent' },
  'POST /v1/images/:ref/break-glass': { for: '15m', reason: 'the shop is down' },
  'POST /v1/alerts/:id/ack': { reason: 'known' },
  'POST /v1/images/:ref/reject': { behaviours: ['b-7'] },
  'POST /v1/images/:ref/withdraw': { behaviours: ['b-7'] },
  'POST /v1/images/:ref/forget': { what: { container: 'web-1' } },
  'POST /v1/images/:ref/incident': { session: 's1', reason: 'an intruder' },
}
const decisions = routes
  .filter(({ subject, method }) => subject !== undefined && method !== 'GET')
  .map(({ method, path, subject }) => ({
    name: `${method} ${path}`,
    method,
    path: path
      .replace(':ref', encodeURIComponent('registry.local/shop/web:1.4'))
      .replace(':id', '01-a'),
    looked: subject === 'image' ? image : '/v1/alerts/01-a',
  }))

async function tagOf(path: string): Promise<string> {
  const { headers } = await ask(fixture, path, over())
  expect(headers['etag']).toMatch(/^"[\w-]+"$/)
  return String(headers['etag'])
}

describe.each(decisions)('$name', ({ name, method, path, looked }) => {
  const body = JSON.stringify(bodies[name] ?? {})
  const decide = (headers: Record<string, string>) =>
    ask(fixture, path, { ...over(headers), method, body })

  it('is refused over TCP without the tag of the revision that was read', async () => {
    expect((await decide({})).json).toMatchObject({ status: 428, code: 'REVISION_MISSING' })
  })

  it('is refused once somebody else has decided, and changes nothing', async () => {
    const tag = await tagOf(looked)
    expect((await decide({ 'if-match': tag })).status).toBe(200)
    const before = fixture.engine.calls.length
    expect((await decide({ 'if-match': tag })).json).toMatchObject({
      status: 412,
      code: 'REVISION_STALE',
    })
    expect(fixture.engine.calls).toHaveLength(before)
  })

  it('answers with the tag to go on from', async () => {
    const { headers } = await decide({ 'if-match': '*' })
    expect(headers['etag']).toBe(await tagOf(looked))
  })

  it('may leave it out on the admin socket, and is held to it there too', async () => {
    const { socket: socketPath } = fixture
    expect((await ask(fixture, path, { socketPath, method, body })).status).toBe(200)
    const stale = { socketPath, method, body, headers: { 'if-match': '"of-long-ago"' } }
    expect((await ask(fixture, path, stale)).status).toBe(412)
  })
})

it('answers without a tag where the decision removed the image', async () => {
  await using own = await startFixture({ tcp: true })
  const { engine } = own
  const removeImage = engine.removeImage.bind(engine)
  engine.removeImage = async (...args) => {
    const result = await removeImage(...args)
    engine.revision = () => {
      throw new SnugError('IMAGE_UNKNOWN', 'it was removed')
    }
    return result
  }
  const headers = { ...bearer(adminToken(own)), 'if-match': '*' }
  const removed = await ask(own, `${image}/remove`, { headers, method: 'POST', body: '{}' })
  expect(removed.status).toBe(200)
  expect(removed.headers).not.toHaveProperty('etag')
})

describe('two reviewers', () => {
  it('at the same instant: one of them decides, the other gets a conflict', async () => {
    const tag = await tagOf(`${image}/profile`)
    const reject = (): ReturnType<typeof ask> =>
      ask(fixture, `${image}/reject`, {
        ...over({ 'if-match': tag }),
        method: 'POST',
        body: '{"behaviours":["b-7"]}',
      })
    const statuses = (await Promise.all([reject(), reject(), reject()])).map(({ status }) => status)
    expect(statuses.sort((a, b) => a - b)).toEqual([200, 412, 412])
  })
})
