import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, SnugError } from '../../../../errors.ts'
import { builtSensor, SensorProcess } from '../ebpf/sensor-process.ts'
import type { Door, TakePeer } from './door.ts'
import type { UnixAddress } from './listen-address.ts'

const againMs = 1_000
/** Ends all peers: their packets were lost with the process that received them. */
const allGone = Buffer.from('0\n')

/** Packets on a unix socket, from a process that receives them: Node has no such sockets. One stream has all peers. */
export class PacketDoor implements Door {
  readonly #address: UnixAddress & { readonly greeting: string }
  readonly #take: TakePeer
  readonly #closing = new AbortController()
  #receiver: SensorProcess | undefined
  #runs: Promise<void> = Promise.resolve()
  #accepted = 0

  constructor(address: UnixAddress & { readonly greeting: string }, take: TakePeer) {
    this.#address = address
    this.#take = take
  }

  get counts(): Door['counts'] {
    return { open: this.#receiver === undefined ? 0 : 1, accepted: this.#accepted, refused: 0 }
  }

  get place(): string {
    return this.#address.path
  }

  async open(): Promise<void> {
    try {
      mkdirSync(dirname(this.place), { recursive: true, mode: 0o755 })
    } catch (error) {
      throw cannotListen(this.place, describeError(error))
    }
    const first = await this.#start()
    this.#runs = this.#run(first)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#receiver?.stop()
    await this.#runs
  }

  async #start(): Promise<SensorProcess> {
    const { path, mode, greeting } = this.#address
    let listens = (): void => undefined
    const ready = new Promise<void>((resolve) => (listens = resolve))
    const receiver = new SensorProcess({
      path: builtSensor,
      args: ['--packets', path, mode.toString(8), greeting],
      log: (text) => {
        if (text === 'ready') listens()
      },
    })
    // Before it listens: to close the door ends it then too.
    this.#receiver = receiver
    const ended = await Promise.race([ready, receiver.exited])
    if (ended === undefined) {
      this.#accepted += 1
      return receiver
    }
    this.#receiver = undefined
    const { how, lastOutput } = ended
    throw cannotListen(path, lastOutput ?? how)
  }

  async #run(first: SensorProcess): Promise<void> {
    let receiver: SensorProcess | undefined = first
    while (receiver !== undefined) {
      await this.#take('receiver', withEnd(receiver))
      // It still runs where nobody takes its packets any more.
      await receiver.stop()
      this.#receiver = undefined
      receiver = await this.#again()
    }
  }

  async #again(): Promise<SensorProcess | undefined> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await delay(againMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) break
      try {
        return await this.#start()
      } catch (error) {
        if (!(error instanceof SnugError)) throw error
      }
    }
    return undefined
  }
}

function cannotListen(path: string, why: string): SnugError {
  return new SnugError('LISTEN_FAILED', `cannot listen on \`${path}\`: ${why}`)
}

async function* withEnd({ output }: SensorProcess): AsyncGenerator<Uint8Array, void, undefined> {
  yield* output as AsyncIterable<Uint8Array>
  yield allGone
}
