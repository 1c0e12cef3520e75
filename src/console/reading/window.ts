import type { FleetWindow } from './views.ts'

export interface WindowQuery {
  readonly offset: number
  readonly limit: number
  /** Text in the row, ignoring case. */
  readonly q?: string
}

export function windowOf<Row>(
  rows: readonly Row[],
  { offset, limit }: WindowQuery,
): FleetWindow<Row> {
  return { total: rows.length, offset, rows: rows.slice(offset, offset + limit) }
}

export function isFound(q: string | undefined, ...texts: readonly string[]): boolean {
  if (q === undefined) return true
  const wanted = q.toLowerCase()
  return texts.some((text) => text.toLowerCase().includes(wanted))
}

/** {@link isFound} for one of very many rows, which share their texts: each text is looked through once. */
export function textFinder(wanted: string): (text: string | undefined) => boolean {
  const known = new Map<string | undefined, boolean>([[undefined, false]])
  const lower = wanted.toLowerCase()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const isThere = text?.toLowerCase().includes(lower) === true
    known.set(text, isThere)
    return isThere
  }
}
