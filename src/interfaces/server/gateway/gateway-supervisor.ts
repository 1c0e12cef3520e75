import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { SnugError } from '../../../errors.ts'
import type { FrontView } from '../../../engine/api/engine-views.ts'
import type { Log } from '../../../support/telemetry/log.ts'
import type { frontReady } from './gateway-protocol.ts'

/** A front at work, in a process of its own or not. */
export interface OpenedFront {
  /** The daemon's end of the socket pair. */
  readonly link: Duplex
  /** Resolves with why, once it is gone. */
  readonly gone: Promise<string>
  /** It lets go of the link and ends; resolves when it has. */
  stop(): Promise<void>
}

export type OpenFront = () => OpenedFront

type Ready = z.output<typeof frontReady>

export interface FrontKeeperOptions {
  readonly open: OpenFront
  readonly attach: (link: Duplex) => void
  readonly isSecure: boolean
  readonly onFault: (message: string | undefined) => void
  readonly log: Log
}

const readyMs = 20_000
const firstWaitMs = 500
const longestWaitMs = 30_000
/** It was well for so long: the next fault is a first one. */
const stableMs = 60_000

/** Has a front there at all times: one that ends is started again, ever less often, and told meanwhile. */
export class FrontKeeper {
  readonly #options: FrontKeeperOptions
  #front: OpenedFront | undefined
  #view: FrontView | undefined
  #onReady: (ready: Ready) => void = () => undefined
  #waitMs = firstWaitMs
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: FrontKeeperOptions) {
    this.#options = options
  }

  /** Undefined while none serves. */
  get view(): FrontView | undefined {
    return this.#view
  }

  /** A front says that it serves, or cannot. */
  ready(said: Ready): void {
    this.#onReady(said)
  }

  /** Errors: LISTEN_FAILED, CONFIG_INVALID, FRONT_FAILED. */
  async start(): Promise<void> {
    const { open, attach, isSecure, log } = this.#options
    const front = open()
    this.#front = front
    const said = new Promise<Ready>((resolve) => (this.#onReady = resolve))
    const gone = front.gone.then((why): Ready => ({ failed: why }))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Ready>((resolve) => {
      timer = setTimeout(() => resolve({ failed: 'it does not answer' }), readyMs)
    })
    attach(front.link)
    const ready = await Promise.race([said, gone, late])
    clearTimeout(timer)
    if ('failed' in ready) {
      await front.stop()
      const isTaken = ready.failed.startsWith('cannot listen')
      throw new SnugError(isTaken ? 'LISTEN_FAILED' : 'FRONT_FAILED', ready.failed)
    }
    const { address, rights } = ready
    if (rights.pid !== process.pid && (rights.uid === 0 || rights.capabilities !== 'none')) {
      await front.stop()
      throw new SnugError(
        'FRONT_FAILED',
        `it kept rights: uid ${rights.uid}, ${rights.capabilities}`,
      )
    }
    this.#view = { url: `${isSecure ? 'https' : 'http'}://${address}`, ...rights }
    log.info({ address, ...rights }, 'the front serves')
    const since = Date.now()
    void front.gone.then((why) => this.#ended(why, since))
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#front?.stop()
  }

  #ended(why: string, since: number): void {
    this.#view = undefined
    if (this.#closed) return
    if (Date.now() - since > stableMs) this.#waitMs = firstWaitMs
    this.#later(why)
  }

  #later(why: string): void {
    const { onFault, log } = this.#options
    const waitMs = this.#waitMs
    this.#waitMs = Math.min(longestWaitMs, waitMs * 2)
    log.error({ why, waitMs }, 'the front ended, and is started again')
    onFault(`API and page are not served: ${why}; it is started again`)
    this.#timer = setTimeout(() => {
      this.start().then(
        () => onFault(undefined),
        (error: unknown) => {
          if (!this.#closed) this.#later(error instanceof Error ? error.message : 'it failed')
        },
      )
    }, waitMs)
  }
}
