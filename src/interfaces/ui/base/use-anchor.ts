import { useEffect, useRef } from 'preact/hooks'

/** How far a row is looked for that has moved. */
const reach = 300
/** What has come under somebody's hands by itself is not decided on before they can have read it. */
const readMs = 600

export interface Anchor {
  /** False while the row under the cursor has just changed by itself. */
  readonly settled: () => boolean
  /** The row will go, by one's own doing: what takes its place is what one goes on with. */
  readonly release: () => void
  /** It did not go after all. */
  readonly hold: (key: string) => void
}

/**
 * Keeps the cursor on the row that somebody looks at, whatever comes or goes above it.
 *
 * @param keyAt name of the row at an index; undefined where it is not there yet
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

  useEffect(() => {
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
