import type { LossSpan } from '../../../core/event/event.ts'

/** Losses of one reason closer than this become one span, so that a flood is one loss. */
const joinMs = 60_000
export const spansKept = 200

/** A loss of one container, or of all containers that ran then. */
export interface LedgerSpan extends LossSpan {
  readonly container?: string
}

/** Losses during which nothing was observed. Other losses miss only a number of events. */
const blind: ReadonlySet<string> = new Set(['agent-down', 'sensor-gap'])
/** A gap in enforcement, not in observation. */
export const enforcementGap = 'enforcement-gap'
/** The profile of a version that learns has no place for more behaviours. */
export const profileFull = 'profile-full'
/** Events were observed despite these. `forgotten`: a person discarded them. */
const observed: ReadonlySet<string> = new Set(['forgotten', enforcementGap])

/**
 * Known losses as spans by reason. INVARIANT: the ledger is bounded by joining the oldest spans of
 * a reason and never drops one, so the counts always add up.
 */
export class LossLedger {
  #spans: LedgerSpan[] = []
  #changed = false
  #revision = 0

  /** Rises with each change. */
  get revision(): number {
    return this.#revision
  }

  get spans(): readonly LedgerSpan[] {
    return this.#spans
  }

  load(spans: readonly LedgerSpan[]): void {
    this.#spans = [...spans]
    this.#revision += 1
  }

  add(span: LedgerSpan): void {
    this.#changed = true
    this.#revision += 1
    const near = this.#spans.findIndex(
      (known) =>
        known.reason === span.reason &&
        known.container === span.container &&
        Date.parse(span.from) - Date.parse(known.to) < joinMs &&
        Date.parse(known.from) - Date.parse(span.to) < joinMs,
    )
    const known = this.#spans[near]
    if (known === undefined) this.#spans.push(span)
    else this.#spans[near] = join(known, span)
    if (this.#spans.length > spansKept) this.#fold()
  }

  /** Spans without any observation of the container, by time. */
  blindOf(container: string): readonly LedgerSpan[] {
    return this.#spans
      .filter((span) => blind.has(span.reason) && concerns(span, container))
      .sort((a, b) => (a.from < b.from ? -1 : 1))
  }

  /**
   * The latest loss that contains an event of the container at `time`, or ended less than `afterMs`
   * before it. Undefined if the time before the event was observed.
   */
  unobserved(container: string, time: string, afterMs: number): LedgerSpan | undefined {
    const at = Date.parse(time)
    let latest: LedgerSpan | undefined
    for (const span of this.#spans) {
      if (observed.has(span.reason) || !concerns(span, container)) continue
      if (Date.parse(span.from) > at || at - Date.parse(span.to) >= afterMs) continue
      if (latest === undefined || span.to > latest.to) latest = span
    }
    return latest
  }

  /** True once after an addition. */
  drainChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  #fold(): void {
    const counts = new Map<string, number>()
    for (const { reason } of this.#spans) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    const [busiest] = [...counts].sort((a, b) => b[1] - a[1])
    if (busiest === undefined) return
    if (busiest[1] < 2) {
      this.#foldReasons()
      return
    }
    const first = this.#spans.findIndex(({ reason }) => reason === busiest[0])
    const second = this.#spans.findIndex(({ reason }, i) => i > first && reason === busiest[0])
    const [a, b] = [this.#spans[first], this.#spans[second]]
    if (a === undefined || b === undefined) return
    this.#spans[first] = join(a, b)
    this.#spans.splice(second, 1)
  }

  /** Other sensors choose the reasons of their losses: the oldest two become one of `several`. */
  #foldReasons(): void {
    const [a, b] = this.#spans.filter(({ reason }) => !blind.has(reason) && !observed.has(reason))
    if (a === undefined || b === undefined) return
    const rest = this.#spans.filter((span) => span !== a && span !== b)
    this.#spans = [{ ...join(a, b), reason: 'several' }, ...rest]
  }
}

function concerns(span: LedgerSpan, container: string): boolean {
  return span.container === undefined || span.container === container
}

function join(a: LedgerSpan, b: LedgerSpan): LedgerSpan {
  // If two containers differ, the merged loss applies to all containers.
  const one = a.container === b.container ? a.container : undefined
  return {
    ...(one === undefined ? {} : { container: one }),
    reason: a.reason,
    count: a.count + b.count,
    from: a.from < b.from ? a.from : b.from,
    to: a.to > b.to ? a.to : b.to,
  }
}
