import { gatewayPaths, type GatewayReport } from '../serve/gateway/gateway-protocol.ts'
import type { BackendClient } from './backend-client.ts'

const gatherMs = 1_000

/** Reports to the daemon about requests that the gateway ended itself: for the audit, the metrics and the status. */
export class Reports {
  readonly #link: BackendClient
  #refusals: Record<string, number> = {}
  #missed = 0
  #timer: NodeJS.Timeout | undefined

  constructor(link: BackendClient) {
    this.#link = link
  }

  signedIn(who: string, address: string): void {
    this.#report({ kind: 'sign-in', who, address })
  }

  signedOut(who: string, address: string): void {
    this.#report({ kind: 'sign-out', who, address })
  }

  /** A wrong credential; `count` so far. */
  wrong(why: string, address: string, count: number): void {
    this.#report({ kind: 'refused', why, address, count })
  }

  fault(message?: string): void {
    this.#report(message === undefined ? { kind: 'fault' } : { kind: 'fault', message })
  }

  refused(reason: string): void {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1
    this.#gather()
  }

  missed(count: number): void {
    this.#missed += count
    this.#gather()
  }

  #gather(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const counts = { refusals: this.#refusals, missed: this.#missed }
      this.#refusals = {}
      this.#missed = 0
      this.#report({ kind: 'counts', ...counts })
    }, gatherMs).unref()
  }

  #report(news: GatewayReport): void {
    this.#link.report(gatewayPaths.reported, news)
  }
}
