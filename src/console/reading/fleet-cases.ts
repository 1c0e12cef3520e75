import { z } from 'zod'
import type { FleetCase } from './case-view.ts'
import type { KeptAlert } from './stream-record.ts'

const short = z.string().max(500)
const facts = { time: z.iso.datetime(), who: short }
/** Entries of the audit trail that are about cases, as agents write them. */
const recordSchema = z.looseObject({
  schema: z.literal('snug.audit/v1'),
  node: short.min(1),
  entry: z.union([
    z.looseObject({
      ...facts,
      what: z.literal('case'),
      case: short,
      state: short,
      container: short,
      reason: z.string().max(20_000),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      bytes: z.int().min(0),
      alert: short.exactOptional(),
    }),
    z.looseObject({ what: z.literal('case-removed'), cases: z.array(short).max(1_000) }),
  ]),
})

type KnownCase = Omit<FleetCase, 'because'> & { readonly alert?: string }

/** In memory, as many as fifty nodes have. */
export const casesKept = 5_000

/** Cases that agents wrote on their nodes, by the entries of their audit trails in the stream. */
export class FleetCases {
  /** By node and id, the oldest first. */
  readonly #cases = new Map<string, KnownCase>()

  /** Returns whether the message was about cases. */
  put(value: unknown): boolean {
    const parsed = recordSchema.safeParse(value)
    if (!parsed.success) return false
    const { node, entry } = parsed.data
    if (entry.what === 'case-removed') {
      for (const id of entry.cases) this.#cases.delete(`${node} ${id}`)
      return true
    }
    const { case: id, state, container, reason, sha256, bytes, alert, time, who: by } = entry
    const before = this.#cases.get(`${node} ${id}`)
    this.#cases.set(`${node} ${id}`, {
      id,
      node,
      container,
      // The entry of its end is by the agent.
      time: before?.time ?? time,
      by: before?.by ?? by,
      reason,
      state,
      sha256,
      bytes,
      ...(alert === undefined ? {} : { alert }),
    })
    const [oldest] = this.#cases.keys()
    if (this.#cases.size > casesKept && oldest !== undefined) this.#cases.delete(oldest)
    return true
  }

  clear(): void {
    this.#cases.clear()
  }

  /**
   * Those that were captured for one of the alerts, and later ones of their containers. Newest first.
   *
   * @param since RFC 3339: when the first of the alerts began
   */
  of(alerts: readonly KeptAlert[], since: string): readonly FleetCase[] {
    const names = new Set(alerts.map(({ id, node }) => `${node} ${id}`))
    const containers = new Set(alerts.map(({ incident }) => incident.container))
    return [...this.#cases.values()]
      .reverse()
      .flatMap(({ alert, ...known }): readonly FleetCase[] => {
        const { node, container, time } = known
        if (alert !== undefined && names.has(`${node} ${alert}`))
          return [{ ...known, because: 'alert' }]
        if (!containers.has(`${node}/${container}`) || Date.parse(time) < Date.parse(since))
          return []
        return [{ ...known, because: 'container' }]
      })
  }
}
