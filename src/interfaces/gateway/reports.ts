import { frontPaths, type FrontTold } from '../server/gateway/gateway-protocol.ts'
import type { DaemonLink } from './backend-client.ts'

const gatherMs = 1_000

/** What the daemon is told of what came no further than here: for the audit, the metrics and the status. */
export class Reports {
  readonly #link: DaemonLink
  #refusals: Record<string, number> = {}
  #missed = 0
  #timer: NodeJS.Timeout | undefined

  constructor(link: DaemonLink) {
    this.#link = link
  }

  signedIn(who: string, address: string): void {
    this.#tell({ kind: 'sign-in', who, address })
  }

  signedOut(who: string, address: string): void {
    this.#tell({ kind: 'sign-out', who, address })
  }

  /** A wrong credential; `count` so far. */
  wrong(why: string, address: string, count: number): void {
    this.#tell({ kind: 'refused', why, address, count })
  }

  fault(message?: string): void {
    this.#tell(message === undefined ? { kind: 'fault' } : { kind: 'fault', message })
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
      this.#tell({ kind: 'counts', ...counts })
    }, gatherMs).unref()
  }

  #tell(news: FrontTold): void {
    this.#link.tell(frontPaths.told, news)
  }
}
