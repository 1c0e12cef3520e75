import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { toolFolder } from './layers.ts'
import type { Place, Reach } from './service.ts'

const patienceMs = 10_000

/** One request on a new connection, because a reload closes kept ones. Returns status and body. */
export async function web(
  at: Reach,
  path: string,
  options: RequestInit & { readonly port?: number } = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const { port = 80, ...rest } = options
  const headers = new Headers(rest.headers)
  headers.set('connection', 'close')
  const signal = AbortSignal.timeout(patienceMs)
  const answer = await fetch(`http://${at.address}:${port}${path}`, { ...rest, headers, signal })
  return { status: answer.status, body: await answer.text() }
}

/** @throws where it is answered with another status */
export async function expectStatus(
  status: number,
  at: Reach,
  path: string,
  options: RequestInit & { readonly port?: number } = {},
): Promise<string> {
  const answer = await web(at, path, options)
  if (answer.status !== status)
    throw new Error(`${path}: ${answer.status} instead of ${status}: ${answer.body.slice(0, 200)}`)
  return answer.body
}

/** A message and the pattern that its answer must match before the next one is sent. */
export type Turn = readonly [send: string | Buffer, answer?: RegExp]

/** A conversation over TCP, turn by turn. */
export interface Conversation extends AsyncDisposable {
  /** Returns the answer. @throws if no matching answer arrives */
  turn(turn: Turn): Promise<string>
}

export async function conversation(at: Reach, port: number): Promise<Conversation> {
  const socket = createConnection({ host: at.address, port })
  let [since, isClosed] = ['', false]
  let wake = (): void => undefined
  socket.setTimeout(patienceMs, () => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    since += chunk.toString('latin1')
    wake()
  })
  socket.on('close', () => {
    isClosed = true
    wake()
  })
  await once(socket, 'connect')
  return {
    turn: async ([send, answer]) => {
      since = answer === undefined || send !== '' ? '' : since
      if (send !== '') socket.write(send)
      while (answer !== undefined && !answer.test(since)) {
        if (isClosed)
          throw new Error(
            `no answer to \`${String(send).slice(0, 60)}\`, but \`${since.slice(0, 60)}\``,
          )
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return since
    },
    [Symbol.asyncDispose]: async () => {
      if (isClosed) return
      const closed = once(socket, 'close')
      socket.end()
      await closed
    },
  }
}

/** A whole conversation. Gives the last answer. */
export async function talk(at: Reach, port: number, turns: readonly Turn[]): Promise<string> {
  await using open = await conversation(at, port)
  let last = ''
  for (const turn of turns) last = await open.turn(turn)
  return last
}

/** A datagram, and its answer where there is one to wait for. */
export function datagram(
  at: Reach,
  port: number,
  data: Buffer,
  isAnswered: boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const end = (error?: Error): void => {
      clearTimeout(timer)
      socket.close()
      if (error === undefined) resolve()
      else reject(error)
    }
    const timer = setTimeout(() => end(new Error(`port ${port} does not answer`)), patienceMs)
    socket.on('message', () => end()).on('error', end)
    socket.send(data, port, at.address, () => {
      if (!isAnswered) end()
    })
  })
}

/** Asks the DNS server for a name; a name that is not there is an answer as well. */
export async function lookUp(at: Reach, name: string, type: 'A' | 'TXT' | 'PTR'): Promise<void> {
  const resolver = new Resolver({ timeout: 2_000, tries: 3 })
  resolver.setServers([at.address])
  await resolver.resolve(name, type).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED'].includes(error.code ?? '')) throw error
  })
}

const tools = [
  'mariadb-client',
  'postgresql-client',
  'ldap-utils',
  'rsync',
  'git',
  'subversion',
  'curl',
  'snmp',
] as const

/** A client program of Debian's, outside all containers. Gives its output. @throws where its exit code is another */
export async function client(
  command: readonly string[],
  options: { readonly input?: string; readonly exits?: readonly number[] } = {},
): Promise<string> {
  const root = await toolFolder(tools)
  return new Promise((resolve, reject) => {
    const child = execFile(
      'chroot',
      [root, ...command],
      { maxBuffer: 16 << 20, timeout: 30_000, env: { PATH: process.env['PATH'], HOME: '/tmp' } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code
        if ((options.exits ?? [0]).includes(Number(code))) resolve(stdout)
        else reject(new Error(`${command[0]}: exit ${code}: ${stderr.slice(0, 300)}`))
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input ?? '')
  })
}

/** A folder of these files that client programs see under the same path. */
export async function scratch(
  files: Readonly<Record<string, Buffer>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const root = await toolFolder(tools)
  const folder = mkdtempSync(join(root, 'tmp/scratch-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return {
    path: folder.slice(root.length),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** As `docker kill -s`: how operators have a service reload, or open its logs again. */
export async function signal(at: Place, name: string): Promise<void> {
  await at.container.kill({ signal: name })
}
