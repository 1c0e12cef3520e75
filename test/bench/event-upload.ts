import { request } from 'node:http'
import { WebSocket } from 'ws'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LiveMessage } from '../../src/serve/live-query.ts'
import type { Agent } from '../fixtures/agent.ts'

/** One upload of event lines, for as long as it is open. */
export interface Upload {
  readonly write: (lines: readonly string[]) => void
  /** Resolves once all of it has been judged. */
  readonly end: () => Promise<void>
}

export function openUpload(agent: Agent): Upload {
  const options = { socketPath: agent.socket, path: '/v1/events', method: 'POST', agent: false }
  const sent = request(options)
  const answered = new Promise<void>((resolve, reject) => {
    sent.once('error', reject)
    sent.once('response', (response) => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`events were refused with ${response.statusCode}`))
      })
    })
  })
  return {
    write: (lines) => void sent.write(`${lines.join('\n')}\n`),
    end: () => {
      sent.end()
      return answered
    },
  }
}

export async function send(agent: Agent, lines: readonly string[]): Promise<void> {
  const upload = openUpload(agent)
  upload.write(lines)
  await upload.end()
}

/**
 * An event of now, in the one container of that image. What other programs do has alerts of its own; of one program, what
 * has one cause is one alert.
 */
export function eventOf(repository: string, exe: string, act: object): string {
  const digit = (repository.length % 16).toString(16)
  return JSON.stringify({
    v: 1,
    time: new Date().toISOString(),
    node: 'n1',
    source: 'ebpf',
    container: { id: digit.repeat(64), name: repository },
    image: { repository, tag: '1', digest: `sha256:${digit.repeat(64)}` },
    process: { pid: 812, exe, uid: 101, gid: 101, origin: 'entrypoint' },
    ...act,
  })
}

/** A word for each number. */
export function lettersOf(number: number): string {
  return String(number).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
}

export interface AlertDelays {
  /** Path of an exec → when it is sent, by `performance.now()`. */
  readonly sent: Map<string, number>
  /** Waits for the alerts of all that was sent. Milliseconds, in no order. */
  readonly all: () => Promise<number[]>
}

/** From an event's being sent to its alert on the admin socket. */
export async function alertDelays(agent: Agent): Promise<AlertDelays> {
  const sent = new Map<string, number>()
  const found: number[] = []
  const watcher = new WebSocket(`ws+unix:${agent.socket}:/v1/live?topics=alerts`)
  const failed = new Promise<never>((_, reject) => watcher.on('error', reject))
  let wake = (): void => undefined
  watcher.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as LiveMessage
    if (message.type !== 'item') return
    const { event } = message.item as Alert
    const path = event.kind === 'exec' ? event.exec.path : ''
    const at = sent.get(path)
    if (at === undefined) return
    sent.delete(path)
    found.push(performance.now() - at)
    wake()
  })
  await Promise.race([failed, new Promise((resolve) => watcher.once('open', resolve))])
  return {
    sent,
    async all(): Promise<number[]> {
      while (sent.size > 0) {
        await Promise.race([failed, new Promise<void>((resolve) => (wake = resolve))])
      }
      watcher.terminate()
      return found
    },
  }
}
