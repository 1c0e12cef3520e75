import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

/** The hook as a runtime runs it, against the API of the agent, and against what is no agent. */
const sensor = fileURLToPath(new URL('../../agent/snug-sensor', import.meta.url))
const id = 'c0'.repeat(32)
/** As crun writes it. */
const state = JSON.stringify({
  ociVersion: '1.0',
  id,
  pid: 27_601,
  bundle: `/var/lib/containers/storage/overlay-containers/${id}/userdata`,
  status: 'created',
  annotations: { 'io.container.manager': 'libpod' },
})

interface Started {
  readonly container: string
  readonly withinMs: number
}

interface Ended {
  readonly code: number | null
  readonly stderr: string
}

async function hook(
  args: readonly string[],
  input: string | Buffer = state,
  isEnded = true,
): Promise<Ended> {
  const child = spawn(sensor, ['--start-hook', ...args], { stdio: ['pipe', 'ignore', 'pipe'] })
  // The hook may end before it has read all.
  child.stdin.on('error', () => undefined)
  child.stdin.write(input)
  if (isEnded) child.stdin.end()
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const stderr = await text(child.stderr)
  return { code: await closed, stderr }
}

describe('with an agent, the hook', () => {
  let fixture: ServerFixture

  beforeAll(async () => {
    fixture = await startFixture()
  })
  afterAll(() => fixture[Symbol.asyncDispose]())
  beforeEach(() => {
    fixture.engine.startFails = undefined
    fixture.engine.calls.length = 0
  })

  const ask = (args: readonly string[], input?: string | Buffer): Promise<Ended> =>
    hook(['--socket', fixture.socket, '--wait', '60000', ...args], input)

  it('names the container, and the time that it waits, and lets it start', async () => {
    expect(await ask(['--fail-closed'])).toEqual({ code: 0, stderr: '' })
    const [call] = fixture.engine.calls.map(({ args }) => args[0] as Started)
    expect(call?.container).toBe(id)
    expect(call?.withinMs).toBeGreaterThan(0)
    expect(call?.withinMs).toBeLessThanOrEqual(59_800)
  })

  it('lets a container start that the kernel does not judge, unless it fails closed', async () => {
    fixture.engine.startFails = new SnugError('START_UNJUDGED', 'the kernel is late')
    expect(await ask([])).toEqual({ code: 0, stderr: '' })
    expect(await ask(['--fail-closed'])).toEqual({
      code: 1,
      stderr: 'snug: START_UNJUDGED: the kernel is late\n',
    })
  })

  it('refuses a start where the agent does', async () => {
    fixture.engine.startFails = new SnugError('START_REFUSED', 'it \u001b[2J must "not"\nstart')
    expect(await ask([])).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^snug: START_REFUSED: it \P{Cc}+\n$/u) as string,
    })
  })

  it.each([
    ['nothing', '', 'BODY_INVALID'],
    ['half of it', state.slice(0, 60), 'BODY_INVALID'],
    ['no object', '[1]', 'BODY_INVALID'],
    ['another id', state.replace(id, '../../etc/passwd'), 'BODY_INVALID'],
    ['a second request', `${state}\r\n\r\nPOST /v1/tokens HTTP/1.1\r\n\r\n`, 'BODY_INVALID'],
    ['bytes', Buffer.from(Array.from({ length: 4_096 }, (_, i) => i % 256)), 'BODY_INVALID'],
    ['depth', '['.repeat(500_000), 'BODY_INVALID'],
    ['more than 1 MiB', ' '.repeat((1 << 20) + 1), 'BODY_TOO_LARGE'],
    ['much more', Buffer.alloc(64 << 20, 'a'), 'BODY_TOO_LARGE'],
  ])(
    'takes no state that is %s: its container starts, unless it fails closed',
    async (_, input, code) => {
      expect(await ask([], input)).toEqual({ code: 0, stderr: '' })
      const closed = await ask(['--fail-closed'], input)
      expect(closed.code).toBe(1)
      expect(closed.stderr).toMatch(new RegExp(`^snug: ${code}: .+\n$`))
      expect(fixture.engine.calls).toEqual([])
    },
  )

  it('takes a state of 1 MiB', async () => {
    const annotations = { long: 'a'.repeat((1 << 20) - 200) }
    expect((await ask(['--fail-closed'], JSON.stringify({ id, annotations }))).code).toBe(0)
  })

  it('waits no longer than `--wait` for a state without an end', async () => {
    const args = ['--socket', fixture.socket, '--wait', '300']
    expect(await hook(args, state, false)).toEqual({ code: 0, stderr: '' })
    const closed = await hook([...args, '--fail-closed'], state, false)
    expect(closed.stderr).toMatch(/^snug: BODY_INVALID: .*timed out\n$/)
  })

  it.each([['--wait'], ['--wait', '0'], ['--wait', '1s'], ['--socket', ''], ['--other']])(
    'refuses a command line with %s %s',
    async (...args) => {
      const { code, stderr } = await hook(args)
      expect(code).toBe(64)
      expect(stderr).toMatch(/^usage: /)
    },
  )
})

describe('without an agent, the hook', () => {
  let folder: string
  let server: Server
  const open = new Set<Socket>()

  beforeEach(() => {
    folder = mkdtempSync('/tmp/snug-start-hook-')
  })
  afterEach(() => {
    server?.close()
    for (const socket of open) socket.destroy()
    open.clear()
    rmSync(folder, { recursive: true, force: true })
  })

  async function answering(answer: (socket: Socket) => void): Promise<string> {
    const path = join(folder, 'agent.sock')
    server = createServer((socket) => {
      open.add(socket)
      socket.on('error', () => undefined)
      answer(socket)
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return path
  }

  async function expectUnanswered(path: string, wait: string): Promise<void> {
    expect(await hook(['--socket', path, '--wait', wait])).toEqual({ code: 0, stderr: '' })
    const closed = await hook(['--socket', path, '--wait', wait, '--fail-closed'])
    expect(closed.code).toBe(1)
    expect(closed.stderr).toMatch(/^snug: AGENT_UNREACHABLE: .+\n$/)
  }

  it('lets containers start, unless it fails closed', () =>
    expectUnanswered(join(folder, 'none.sock'), '60000'))

  it('does the same where the agent hangs', async () =>
    expectUnanswered(await answering(() => undefined), '400'))

  it.each([
    ['nothing', ''],
    ['noise', 'SSH-2.0-OpenSSH\r\n'],
    ['a head without a code', 'HTTP/1.1 500 Oops\r\n\r\n{"code":'],
    ['more than an answer has', `HTTP/1.1 409 Conflict\r\n\r\n${'a'.repeat(100_000)}`],
  ])('does the same where the answer is %s', async (_, answer) => {
    const path = await answering((socket) => socket.end(answer))
    await expectUnanswered(path, '60000')
  })
})
