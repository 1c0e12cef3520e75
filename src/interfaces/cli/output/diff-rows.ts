import { causeLine } from '../../../core/match/cause-text.ts'
import type { DiffRow } from '../../../engine/api/engine-views.ts'

/** From this number on, rows of one cause are one line. */
const foldedFrom = 3

export interface SignedRow extends DiffRow {
  readonly sign: string
}

/** Rows of one actor, access and place as one line: what a person reads of them is the same. */
export function foldedRows(rows: readonly SignedRow[]): readonly SignedRow[] {
  const byCause = new Map<string, SignedRow[]>()
  for (const row of rows) {
    const { sign, actor, uid, access, place } = row
    const key = [sign, actor, uid, access, place].join('\u0000')
    const same = byCause.get(key)
    if (same === undefined) byCause.set(key, [row])
    else same.push(row)
  }
  return [...byCause.values()].flatMap((same) => {
    const [first] = same
    if (first === undefined || same.length < foldedFrom) return same
    const text = causeLine({ access: first.access, place: first.place, names: same.length })
    const all = new Set(same.map(({ explained }) => explained))
    const { explained: _, ...row } = first
    const [why] = all
    return [{ ...row, text, ...(all.size === 1 && why !== undefined ? { explained: why } : {}) }]
  })
}
