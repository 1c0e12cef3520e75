import { useLayoutEffect, useRef } from 'preact/hooks'

/** How many rows to search for one that has moved. */
const reach = 300
/** A row that has just moved under the cursor cannot be decided on before a person can have read it. */
const readMs = 600

export interface Anchor {
  /** False while the row under the cursor has just changed by itself. */
  readonly settled: () => boolean
  /** The user's decision removes the row: the cursor goes to the row in its place. */
  readonly release: () => void
  /** The user chose this row. The cursor goes to it, also where the list has changed since it was drawn. */
  readonly pick: (index: number, key: string | undefined) => void
  /** The row stays after all. */
  readonly hold: (key: string) => void
}

/**
 * Keeps the cursor on the row in view, whatever rows appear or disappear above it.
 *
 * @param keyAt name of the row at an index; undefined where it is not loaded yet
 */
export function useAnchor(
  cursor: number,
  total: number,
  keyAt: (index: number) => string | undefined,
  move: (to: number) => void,
): Anchor {
  const held = useRef<string | undefined>(undefined)
  const at = useRef(cursor)
  const changedAt = useRef(0)
  const key = keyAt(cursor)

  // Before the browser handles a key or paints: another row under the cursor must not be decided on, or be seen there.
  useLayoutEffect(() => {
    if (at.current !== cursor || held.current === undefined) {
      at.current = cursor
      held.current = key
      return
    }
    if (key === undefined || key === held.current) return
    const moved = find(held.current, cursor, total, keyAt)
    if (moved === undefined) {
      held.current = key
      changedAt.current = performance.now()
    } else {
      at.current = moved
      move(moved)
    }
  }, [cursor, key, total])

  return {
    settled: () => changedAt.current === 0 || performance.now() - changedAt.current > readMs,
    pick: (index, name) => {
      at.current = index
      held.current = name ?? keyAt(index)
      move(index)
    },
    release: () => {
      held.current = undefined
    },
    hold: (name) => {
      held.current = name
    },
  }
}

function find(
  key: string,
  around: number,
  total: number,
  keyAt: (index: number) => string | undefined,
): number | undefined {
  for (let off = 1; off <= reach; off++) {
    for (const index of [around + off, around - off]) {
      if (index >= 0 && index < total && keyAt(index) === key) return index
    }
  }
  return undefined
}
