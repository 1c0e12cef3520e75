import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { GatewayView } from '../../api/status-views.ts'
import { Backoff } from '../../support/backoff.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { gatewayReady } from './gateway-protocol.ts'

/** A running gateway, in a separate process or not. */
export interface OpenedGateway {
  /** The daemon's end of the socket pair. */
  readonly link: Duplex
  /** Resolves with the reason once it is gone. */
  readonly gone: Promise<string>
  /** It lets go of the link and ends; resolves when it has. */
  stop(): Promise<void>
}

export type OpenGateway = () => OpenedGateway

type Ready = z.output<typeof gatewayReady>

export interface GatewaySupervisorOptions {
  readonly open: OpenGateway
  readonly attach: (link: Duplex) => void
  readonly isSecure: boolean
  readonly onFault: (message: string | undefined) => void
  readonly log: Log
}

const readyMs = 20_000
const backoffRules = { firstMs: 500, longestMs: 30_000 } as const
/** After this long without a fault, the next fault counts as the first. */
const stableMs = 60_000

/** Keeps a gateway running: restarts one that ended, with growing delays, and reports the fault meanwhile. */
export class GatewaySupervisor {
  readonly #options: GatewaySupervisorOptions
  #gateway: OpenedGateway | undefined
  #view: GatewayView | undefined
  #onReady: (ready: Ready) => void = () => undefined
  readonly #backoff = new Backoff(backoffRules)
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: GatewaySupervisorOptions) {
    this.#options = options
  }

  /** Undefined while none serves. */
  get view(): GatewayView | undefined {
    return this.#view
  }

  /** A gateway reports that it serves, or cannot. */
  ready(reported: Ready): void {
    this.#onReady(reported)
  }

  /** Errors: LISTEN_FAILED, CONFIG_INVALID, FRONT_FAILED. */
  async start(): Promise<void> {
    const { open, attach, isSecure, log } = this.#options
    const gateway = open()
    this.#gateway = gateway
    const reported = new Promise<Ready>((resolve) => (this.#onReady = resolve))
    const gone = gateway.gone.then((why): Ready => ({ failed: why }))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Ready>((resolve) => {
      timer = setTimeout(() => resolve({ failed: 'the gateway does not answer' }), readyMs)
    })
    attach(gateway.link)
    const ready = await Promise.race([reported, gone, late])
    clearTimeout(timer)
    if ('failed' in ready) {
      await gateway.stop()
      const isTaken = ready.failed.startsWith('cannot listen')
      throw new SnugError(isTaken ? 'LISTEN_FAILED' : 'FRONT_FAILED', ready.failed)
    }
    const { address, rights } = ready
    if (rights.pid !== process.pid && (rights.uid === 0 || rights.capabilities !== 'none')) {
      await gateway.stop()
      throw new SnugError(
        'FRONT_FAILED',
        `the gateway did not drop its rights:  uid ${rights.uid}, ${rights.capabilities}`,
      )
    }
    this.#view = { url: `${isSecure ? 'https' : 'http'}://${address}`, ...rights }
    log.info({ address, ...rights }, 'the gateway serves')
    const since = Date.now()
    void gateway.gone.then((why) => this.#ended(why, since))
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#gateway?.stop()
  }

  #ended(why: string, since: number): void {
    this.#view = undefined
    if (this.#closed) return
    if (Date.now() - since > stableMs) this.#backoff.reset()
    this.#later(why)
  }

  #later(why: string): void {
    const { onFault, log } = this.#options
    const waitMs = Math.round(this.#backoff.next())
    log.error({ why, waitMs }, 'the gateway ended: restarting it')
    onFault(`the gateway does not serve API and page: ${why}; the agent restarts it`)
    this.#timer = setTimeout(() => {
      this.start().then(
        () => onFault(undefined),
        (error: unknown) => {
          if (!this.#closed)
            this.#later(error instanceof Error ? error.message : 'the gateway failed')
        },
      )
    }, waitMs)
  }
}
