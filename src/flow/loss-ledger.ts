import type { LossSpan } from '../event/event.ts'

/** Losses of one reason closer than this are one span: a flood is one loss, not a thousand. */
const joinMs = 60_000
const spansKept = 200

/**
 * What is known to have been missed, as spans by reason. Bounded by joining the oldest spans of a reason,
 * never by dropping one: the counts always add up.
 */
export class LossLedger {
  #spans: LossSpan[] = []
  #changed = false

  get spans(): readonly LossSpan[] {
    return this.#spans
  }

  load(spans: readonly LossSpan[]): void {
    this.#spans = [...spans]
  }

  add(span: LossSpan): void {
    this.#changed = true
    const near = this.#spans.findIndex(
      (known) =>
        known.reason === span.reason &&
        Date.parse(span.from) - Date.parse(known.to) < joinMs &&
        Date.parse(known.from) - Date.parse(span.to) < joinMs,
    )
    const known = this.#spans[near]
    if (known === undefined) this.#spans.push(span)
    else this.#spans[near] = join(known, span)
    if (this.#spans.length > spansKept) this.#fold()
  }

  /** True once after something was added. */
  drainChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  #fold(): void {
    const counts = new Map<string, number>()
    for (const { reason } of this.#spans) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    const [busiest] = [...counts].sort((a, b) => b[1] - a[1])
    if (busiest === undefined || busiest[1] < 2) return
    const first = this.#spans.findIndex(({ reason }) => reason === busiest[0])
    const second = this.#spans.findIndex(({ reason }, i) => i > first && reason === busiest[0])
    const [a, b] = [this.#spans[first], this.#spans[second]]
    if (a === undefined || b === undefined) return
    this.#spans[first] = join(a, b)
    this.#spans.splice(second, 1)
  }
}

function join(a: LossSpan, b: LossSpan): LossSpan {
  return {
    reason: a.reason,
    count: a.count + b.count,
    from: a.from < b.from ? a.from : b.from,
    to: a.to > b.to ? a.to : b.to,
  }
}
