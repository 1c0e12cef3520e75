import { randomUUID } from 'node:crypto'
import { describeError, SnugError } from '../../errors.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import type { SharedClosing } from '../../core/lifecycle/shared-closing.ts'
import type { SharedHold } from '../../core/lifecycle/shared-hold.ts'
import type { PublishedScopes } from '../../agent/records/versions/version-registry.ts'
import { Backoff } from '../../support/backoff.ts'
import type { Contribution, Fleet, FleetLink, Published, PublishedMode } from '../fleet.ts'
import { type FleetImage, profileName } from '../fleet-image.ts'
import { FleetSlices } from '../slices/fleet-slices.ts'
import { headIn } from '../slices/slice-head.ts'
import { sliceBytes } from '../slices/slice-pages.ts'
import { FleetBucket, isCoded } from './fleet-bucket.ts'
import { decisionsOf, sliceKey, slicesOf } from './fleet-keys.ts'
import {
  type DecisionContent,
  type FleetValue,
  sliceText,
  subjectOf,
  withoutDecision,
} from './fleet-values.ts'
import type { SharedDecisions } from './shared-decisions.ts'

/** There are no objects whose spec decides. */
export interface NatsFleetOptions extends Pick<FleetLink, 'onEntries' | 'onDecision' | 'onError'> {
  readonly access: NatsAccess
  /** Of JetStream, as `nats kv add` makes it. */
  readonly bucket: string
  readonly node: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const pauses = { firstMs: 500, longestMs: 30_000 } as const
/** Of a slice beside its entries: names of image and node, in bytes. */
const envelopeBytes = 4_096
/** Decisions that are written at the same time. */
const atOnce = 64
/** How long another agent of the same name is remembered. */
const twinMs = 3_600_000

/**
 * A fleet in a key-value bucket of NATS JetStream. A slice holds what one node observed, and only that node writes it. A
 * decision of a person stands once, for all nodes. Each node with the right to decide writes it, and after the standing
 * one only.
 */
export class NatsFleet implements Fleet {
  readonly #options: NatsFleetOptions
  readonly #now: () => number
  readonly #bucket: FleetBucket
  readonly #slices: FleetSlices
  /** Distinguishes this agent from another one with the same name. */
  readonly #run = randomUUID()
  /** When the latest slice of such an agent came, in milliseconds since 1970. */
  #twinAt = -Infinity
  /** Profile name → why this node could not publish it. */
  readonly #untold = new Map<string, string>()
  /** By profile name: versions that this node no longer has, and whose keys it has to remove. */
  readonly #leaving = new Map<string, FleetImage>()
  /** Profile names: what is being written cannot be removed yet. */
  readonly #writing = new Set<string>()
  #isLeaving = false
  /** There is more to remove than when the removal under way began. */
  #hasLeft = false
  readonly #backoff = new Backoff(pauses)
  #notBefore = 0
  #decided: () => void = () => undefined

  constructor(options: NatsFleetOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const { access, bucket, node, onEntries } = options
    const pageBytes = (): number => Math.min(sliceBytes, this.#bucket.largest - envelopeBytes)
    this.#slices = new FleetSlices(node, onEntries, pageBytes)
    this.#bucket = new FleetBucket({
      access,
      bucket,
      now: this.#now,
      onValue: (value) => this.#took(value),
      onGone: (value) => {
        if (value.kind === 'slice') this.#slices.went(value.slice)
      },
      onListed: () => {
        this.#decided()
        // What failed because there was no connection is tried again.
        this.#untold.clear()
        this.#notBefore = 0
        void this.#leave()
      },
      onState: (fault) => {
        if (fault !== undefined) this.#decided()
      },
      ...(options.onError && { onError: options.onError }),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    await new Promise<void>((decided) => {
      this.#decided = decided
      void this.#bucket.run(signal)
    })
  }

  get ready(): boolean {
    return this.#bucket.listed
  }

  get fault(): string | undefined {
    const { unread, ignored } = this.#bucket
    return unread ?? this.#twin ?? [...this.#untold.values()][0] ?? ignored
  }

  get writes(): number {
    return this.#bucket.writes
  }

  get #twin(): string | undefined {
    if (this.#now() - this.#twinAt > twinMs) return undefined
    return `another agent shares as node \`${this.#options.node}\` too (FLEET_NODE_TWICE)`
  }

  get #decisions(): SharedDecisions {
    return this.#bucket.decisions
  }

  published(image: FleetImage): Iterable<Published> {
    return [...this.#slices.of(image), ...this.#decisions.published(image)]
  }

  scopes(image: FleetImage): PublishedScopes {
    return this.#slices.scopes(image)
  }

  learned(image: FleetImage): { readonly node: string; readonly at: string } | undefined {
    return this.#slices.learned(image)
  }

  modeDecisions(image: FleetImage): readonly PublishedMode[] {
    return this.#decisions.mode(image)
  }

  holds(image: FleetImage): readonly SharedHold[] {
    return this.#decisions.holds(image)
  }

  closings(image: FleetImage): readonly SharedClosing[] {
    return this.#decisions.closings(image)
  }

  /** One write for each decision and each slice that changes. */
  async publish(contribution: Contribution): Promise<boolean> {
    const isPossible = this.ready && this.#bucket.connected && this.#now() >= this.#notBefore
    if (!isPossible) return false
    const { image } = contribution
    const name = profileName(image)
    this.#leaving.delete(name)
    this.#writing.add(name)
    try {
      // Observations do not wait for the right to decide.
      const left = await this.#decide(contribution)
      await this.#writeSlices(contribution)
      this.#backoff.reset()
      if (left === undefined) this.#untold.delete(name)
      else this.#failed(image, 'the decisions on', left)
      return left === undefined
    } catch (error) {
      this.#notBefore = this.#now() + this.#backoff.next()
      this.#failed(image, 'the behaviours of', error)
      return false
    } finally {
      this.#writing.delete(name)
      if (this.#leaving.has(name)) void this.#leave()
    }
  }

  removed(image: FleetImage): void {
    this.#leaving.set(profileName(image), image)
    void this.#leave()
  }

  #failed({ repository, ...image }: FleetImage, what: string, error: unknown): void {
    const code = error instanceof SnugError ? error.code : 'INTERNAL'
    const text = `cannot share ${what} ${repository}: ${describeError(error)} (${code})`
    this.#untold.set(profileName({ repository, ...image }), text)
    this.#options.onError?.(`${what} ${repository}`, error)
  }

  /** Gives the reason where this node may not decide for the fleet, or NATS does not take one of the decisions. */
  async #decide({ image, entries, mode }: Contribution): Promise<unknown> {
    const news: DecisionContent[] = entries
      .filter(({ decision }) => decision !== undefined)
      .map((entry) => ({ entry: { ...entry, cells: [] } }))
    if (mode !== undefined) news.push({ mode })
    const due = news.filter((decision) => this.#decisions.isNews(image, decision))
    let left: unknown
    for (let from = 0; from < due.length; from += atOnce) {
      const some = due.slice(from, from + atOnce)
      const results = await Promise.allSettled(some.map((each) => this.#stand(image, each)))
      for (const result of results) {
        if (result.status === 'fulfilled') continue
        const error: unknown = result.reason
        if (isCoded(error, 'FLEET_REFUSED')) return error
        if (!isCoded(error, 'FLEET_TOO_LARGE')) throw error
        left = error
      }
    }
    return left
  }

  /** Of two nodes that decide at the same time, the decision that is the later one stands. */
  async #stand(image: FleetImage, decision: DecisionContent): Promise<void> {
    await this.#bucket.decide(image, subjectOf(decision), this.#options.node, () =>
      this.#decisions.isNews(image, decision) ? decision : undefined,
    )
  }

  async #writeSlices({ image, entries, learnedAt, holds }: Contribution): Promise<void> {
    const { node } = this.#options
    const observed = entries.filter(({ cells }) => cells.length > 0).map(withoutDecision)
    const news = { image, entries: observed, ...headIn({ learnedAt, holds }) }
    const { head, pages } = await this.#slices.plan(news)
    let left: unknown
    for (const page of pages) {
      const ofPage = page === 0 ? head : {}
      const text = sliceText(image, node, this.#run, ofPage, this.#slices.page(image, page))
      const key = sliceKey(node, image, page)
      try {
        await this.#bucket.write(key, text, this.#bucket.revision(key))
        this.#slices.wrote(image, page, ofPage)
      } catch (error) {
        // One behaviour that NATS does not take keeps back no other.
        if (!isCoded(error, 'FLEET_TOO_LARGE')) throw error
        left = error
      }
    }
    if (left !== undefined) throw left
  }

  /** One at a time: two would each find the other one's removals in their way. */
  async #leave(): Promise<void> {
    this.#hasLeft = true
    if (this.#isLeaving) return
    this.#isLeaving = true
    try {
      while (this.#hasLeft) {
        this.#hasLeft = false
        await this.#leaveEach()
      }
    } finally {
      this.#isLeaving = false
    }
  }

  /** The last node that has slices of a version removes the decisions on it too. */
  async #leaveEach(): Promise<void> {
    const { node, onError } = this.#options
    for (const [name, image] of this.#leaving) {
      if (!this.ready || !this.#bucket.connected) return
      if (this.#writing.has(name)) continue
      const own = slicesOf(node, image)
      const decisions = decisionsOf(image)
      const isLast = this.#slices.of(image).length === 0
      try {
        for (const key of this.#bucket.keys()) {
          if (key.startsWith(own) || (isLast && key.startsWith(decisions)))
            await this.#bucket.remove(key)
        }
        // A slice that was never read back is not reported as gone.
        if (this.#leaving.delete(name)) this.#slices.forget(image)
        this.#untold.delete(name)
      } catch (error) {
        onError?.(`removal of ${image.repository} from the fleet`, error)
        // Another node decides on it at this instant, or this node may not decide: it goes on without this one.
        if (!isCoded(error, 'FLEET_UNAVAILABLE')) this.#leaving.delete(name)
      }
    }
  }

  #took(value: FleetValue): void {
    if (value.kind === 'decision') this.#options.onDecision(value.decision.image)
    else if (value.slice.node !== this.#options.node) this.#slices.came(value.slice)
    else if (value.run !== this.#run) {
      // Until everything is listed, it is one from before a restart of this agent. After that there are two agents that
      // write over each other: each keeps what the other one has, so that nothing is lost.
      if (this.ready) this.#twinAt = this.#now()
      this.#slices.restore(value.slice)
    }
  }
}
