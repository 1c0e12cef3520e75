import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TokenFile, tokensKept } from '../../src/serve/access/token-file.ts'
import { startFixture } from '../fixtures/server-fixtures.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'snug-listen-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

function call(
  socketPath: string,
  path: string,
  init: { method?: string; body?: string } = {},
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, path, method: init.method ?? 'GET', agent: false },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(init.body)
  })
}

/** The socket of a killed process, on which no process listens. */
function leaveStale(path: string): void {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script, path])
  expect(existsSync(path)).toBe(true)
}

describe('the admin socket', () => {
  it('is for its owner only, and goes with the server', async () => {
    const socket = join(dir, 'run', 'snug.sock')
    {
      await using fixture = await startFixture({ flags: { socket } })
      expect(fixture.server.socket).toBe(socket)
      expect(mode(socket)).toBe('600')
      expect((await call(socket, '/v1/status')).status).toBe(200)
    }
    expect(existsSync(socket)).toBe(false)
  })

  it('needs no token, and decides as the one who owns it', async () => {
    await using fixture = await startFixture()
    const path = '/v1/images/registry.local%2Fshop%2Fweb%3A1.4/mode'
    const body = '{"mode":"alert","reason":"looks done"}'
    expect((await call(fixture.socket, path, { method: 'PUT', body })).status).toBe(200)
    expect(fixture.engine.calls).toEqual([
      {
        name: 'setMode',
        args: [
          'registry.local/shop/web:1.4',
          'alert',
          { who: 'cli:root', reason: 'looks done' },
          {},
        ],
      },
    ])
  })

  it('takes the place of one that a dead agent left', async () => {
    const socket = join(dir, 'snug.sock')
    leaveStale(socket)
    await using fixture = await startFixture({ flags: { socket } })
    expect((await call(fixture.socket, '/v1/status')).status).toBe(200)
  })

  it('is not taken from an agent that answers', async () => {
    const socket = join(dir, 'snug.sock')
    await using first = await startFixture({ flags: { socket } })
    await expect(startFixture({ flags: { socket } })).rejects.toMatchObject({
      code: 'AGENT_RUNNING',
    })
    expect((await call(first.socket, '/v1/status')).status).toBe(200)
  })

  it('never replaces a file that is not a socket', async () => {
    const socket = join(dir, 'precious')
    writeFileSync(socket, 'data')
    await expect(startFixture({ flags: { socket } })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    })
    expect(readFileSync(socket, 'utf8')).toBe('data')
  })
})

describe('the TCP listener', () => {
  it('is not there where `none` is configured, and then no token is made', async () => {
    await using fixture = await startFixture()
    expect(fixture.server.url).toBeUndefined()
    expect(existsSync(join(fixture.dir, 'data', 'admin.token'))).toBe(false)
  })

  it('names the address that is in use and releases the socket', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const socket = join(dir, 'snug.sock')
    const flags = { socket, listen: `127.0.0.1:${port}` }
    await expect(startFixture({ flags })).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
    expect(existsSync(socket)).toBe(false)
    other.close()
  })

  it('makes an admin token on the first start, and keeps it', async () => {
    const data = join(dir, 'data')
    const read = (): string => readFileSync(join(data, 'admin.token'), 'utf8')
    {
      await using fixture = await startFixture({ tcp: true, flags: { data } })
      const headers = { authorization: `Bearer ${read()}` }
      expect((await fetch(`${fixture.url}/v1/config`, { headers })).status).toBe(200)
    }
    const token = read()
    expect(mode(join(data, 'admin.token'))).toBe('600')
    expect(mode(join(data, 'tokens.json'))).toBe('600')
    expect(readFileSync(join(data, 'tokens.json'), 'utf8')).not.toContain(token)
    await using fixture = await startFixture({ tcp: true, flags: { data } })
    expect(read()).toBe(token)
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${fixture.url}/v1/config`, { headers })).status).toBe(200)
  })

  it('creates no more tokens than each request can be compared with', () => {
    const data = join(dir, 'data')
    const tokens = TokenFile.open(data)
    const path = join(data, 'tokens.json')
    const {
      tokens: [admin],
    } = JSON.parse(readFileSync(path, 'utf8')) as { tokens: object[] }
    const all = Array.from({ length: tokensKept }, (_, n) => ({ ...admin, name: `t${n}` }))
    writeFileSync(path, JSON.stringify({ tokens: all }))
    expect(() => tokens.create('one-more', 'viewer')).toThrow('revoke one first')
    tokens.remove('t0')
    expect(tokens.create('one-more', 'viewer')).toMatch(/^snug_/)
  })

  it('does not start on a damaged token file', async () => {
    const data = join(dir, 'data')
    TokenFile.open(data)
    writeFileSync(join(data, 'tokens.json'), '{"tokens":[{"name":"x"}]}')
    await expect(startFixture({ tcp: true, flags: { data } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('refuses every token once its token file is damaged', async () => {
    const data = join(dir, 'data')
    await using fixture = await startFixture({ tcp: true, flags: { data } })
    const headers = { authorization: `Bearer ${readFileSync(join(data, 'admin.token'), 'utf8')}` }
    writeFileSync(join(data, 'tokens.json'), 'nonsense')
    const response = await fetch(`${fixture.url}/v1/status`, { headers })
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(await response.json()).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('an upload', () => {
  const line = `${JSON.stringify({ v: 1 })}\n`

  it('of any size is judged as it arrives', async () => {
    await using fixture = await startFixture()
    const body = line.repeat(300_000)
    const answer = await call(fixture.socket, '/v1/events', { method: 'POST', body })
    expect(answer).toMatchObject({ status: 200, body: { events: 300_000 } })
  })

  it('that breaks off is recognised as incomplete', async () => {
    await using fixture = await startFixture()
    let ended: unknown
    const replay = fixture.engine.replay.bind(fixture.engine)
    const over = new Promise<void>((resolve) => {
      fixture.engine.replay = async (chunks) => {
        try {
          return await replay(chunks)
        } catch (error) {
          ended = error
          throw error
        } finally {
          resolve()
        }
      }
    })
    const sent = request({
      socketPath: fixture.socket,
      path: '/v1/events',
      method: 'POST',
      agent: false,
    })
    sent.on('error', () => undefined)
    fixture.engine.onChunk = () => sent.destroy()
    sent.write(line)
    await over
    expect(ended).toMatchObject({ code: 'BODY_INVALID' })
  })

  it('ends when the agent stops', async () => {
    const fixture = await startFixture()
    const sent = request({
      socketPath: fixture.socket,
      path: '/v1/events',
      method: 'POST',
      agent: false,
    })
    const gone = new Promise((resolve) => {
      sent.on('error', resolve)
      sent.on('response', resolve)
    })
    const begun = new Promise<void>((resolve) => (fixture.engine.onChunk = () => resolve()))
    sent.write(line)
    await begun
    await fixture[Symbol.asyncDispose]()
    await gone
  })
})

describe('an answer', () => {
  it('that fails by an internal error has its text in the log only', async () => {
    await using fixture = await startFixture()
    fixture.engine.images = () => {
      throw new Error('secret inside')
    }
    const answer = await call(fixture.socket, '/v1/images')
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL' } })
    expect(JSON.stringify(answer.body)).not.toContain('secret inside')
    expect(fixture.log.join('')).toContain('secret inside')
  })

  it('about readiness is 503 while the agent starts', async () => {
    await using fixture = await startFixture()
    fixture.engine.state = 'starting'
    expect(await call(fixture.socket, '/readyz')).toMatchObject({ status: 503 })
  })

  it('in OpenAPI names every route with its role', async () => {
    await using fixture = await startFixture()
    const { body } = await call(fixture.socket, '/openapi.json')
    const { paths } = body as { paths: Record<string, Record<string, { 'x-role': string }>> }
    expect(paths['/v1/images/{ref}/mode']?.['put']?.['x-role']).toBe('admin')
    expect(Object.keys(paths)).toContain('/v1/live')
  })

  it('gives alerts by image, severity and number', async () => {
    await using fixture = await startFixture()
    await call(fixture.socket, '/v1/alerts?limit=7&image=web&severity=high')
    expect(fixture.engine.calls).toEqual([
      { name: 'alerts', args: [{ limit: 8, image: 'web', severity: 'high' }] },
    ])
    for (const query of ['limit=0', 'limit=1e9', 'severity=dire', 'bogus=1']) {
      const answer = await call(fixture.socket, `/v1/alerts?${query}`)
      expect(answer, query).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
    }
  })
})
