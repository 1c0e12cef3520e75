import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

/** The socket that every user of the host may connect to. */
const id = 'ab'.repeat(32)
const folder = mkdtempSync('/tmp/snug-starts-')
const socketPath = join(folder, 'starts.sock')
let fixture: ServerFixture

beforeAll(async () => {
  fixture = await startFixture({
    flags: { 'engines.podman.userStarts': socketPath },
  })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly body: unknown
}

function ask(method: string, path: string, body?: string, more = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', ...more }
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

it('is open to every user, where the admin socket is not', () => {
  expect(statSync(socketPath).mode & 0o777).toBe(0o666)
  expect(statSync(fixture.socket).mode & 0o777).toBe(0o600)
})

it('takes the start of a container, and nothing else of its state', async () => {
  const state = JSON.stringify({ id, pid: 1, bundle: '/x', annotations: { a: 'b' } })
  const answer = await ask('POST', '/v1/starts?within=3s', state)
  expect(answer).toEqual({ status: 200, body: { judged: true } })
  expect(fixture.engine.calls.at(-1)).toEqual({
    name: 'starting',
    args: [{ container: id, withinMs: 3_000 }],
  })
})

it.each([
  ['GET', '/v1/status'],
  ['GET', '/v1/starts'],
  ['GET', '/metrics'],
  ['POST', '/v1/events'],
  ['PUT', '/v1/images/web/mode'],
])('serves no %s %s', async (method, path) => {
  const calls = fixture.engine.calls.length
  const answer = await ask(method, path, method === 'GET' ? undefined : '{"mode":"block"}')
  expect(answer).toMatchObject({ status: 404, body: { code: 'ROUTE_UNKNOWN' } })
  expect(fixture.engine.calls).toHaveLength(calls)
})

it.each([
  ['no id', '{}'],
  ['a short id', '{"id":"abc"}'],
  ['an id with a path', JSON.stringify({ id: `../interfaces/${id}`.slice(0, 64) })],
  ['no JSON', '{'],
])('refuses %s', async (_, body) => {
  const answer = await ask('POST', '/v1/starts', body)
  expect(answer).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
})

it('refuses a wait that is longer than a minute', async () => {
  const answer = await ask('POST', '/v1/starts?within=61s', JSON.stringify({ id }))
  expect(answer.status).toBe(400)
})

it('takes 64 connections at once, and others again once one of them ends', async () => {
  const held = Array.from({ length: 64 }, () => connect(socketPath))
  await Promise.all(held.map((each) => new Promise((resolve) => each.once('connect', resolve))))
  await expect(ask('POST', '/v1/starts', JSON.stringify({ id }))).rejects.toThrow()
  for (const each of held) each.destroy()
  await expect
    .poll(() => ask('POST', '/v1/starts', JSON.stringify({ id })).catch(() => undefined))
    .toMatchObject({ status: 200 })
})
