import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface VirtualListProps<Row> {
  readonly label: string
  readonly total: number
  /** Pixels: all rows are of one height, so that a hundred thousand of them need not be measured. */
  readonly rowHeight: number
  readonly row: (index: number) => Row | undefined
  readonly keyOf: (row: Row) => string
  readonly look: (from: number, to: number) => void
  readonly draw: (row: Row) => ComponentChildren
  /** The row that the keyboard is at. */
  readonly cursor: number
  /** `row`: what was drawn at the index when the user chose it. The list may have changed since. */
  readonly onCursor: (index: number, row: Row | undefined) => void
  readonly isSelected?: (index: number) => boolean
  readonly listRef?: RefObject<HTMLDivElement | null>
  /** Called when the list reaches its top, or leaves it. */
  readonly onTop?: (isTop: boolean) => void
}

const overscan = 6

/** Only the rows that can be seen are there, moved into place as a whole. */
export function VirtualList<Row>(props: VirtualListProps<Row>) {
  const { label, total, rowHeight, row, look, draw, cursor, onCursor, isSelected } = props
  const own = useRef<HTMLDivElement>(null)
  const list = props.listRef ?? own
  const id = useId()
  const [view, setView] = useState({ top: 0, height: 600 })
  const frame = useRef(0)
  const atTop = useRef(true)

  const first = Math.max(0, Math.floor(view.top / rowHeight) - overscan)
  const last = Math.min(total - 1, Math.ceil((view.top + view.height) / rowHeight) + overscan)

  useLayoutEffect(() => {
    const element = list.current
    if (element === null) return undefined
    const measure = new ResizeObserver(() => {
      setView({ top: element.scrollTop, height: element.clientHeight })
    })
    measure.observe(element)
    return () => {
      measure.disconnect()
      cancelAnimationFrame(frame.current)
    }
  }, [])

  useEffect(() => {
    if (total > 0) look(first, Math.max(first, last))
  }, [first, last, total])

  useEffect(() => {
    const element = list.current
    if (element === null || total === 0) return
    const top = cursor * rowHeight
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight
    }
  }, [cursor])

  const scrolled = (): void => {
    cancelAnimationFrame(frame.current)
    frame.current = requestAnimationFrame(() => {
      const element = list.current
      if (element === null) return
      setView({ top: element.scrollTop, height: element.clientHeight })
      const isTop = element.scrollTop < rowHeight
      if (isTop === atTop.current) return
      atTop.current = isTop
      props.onTop?.(isTop)
    })
  }

  const indices = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
  const shown = cursor >= first && cursor <= last ? `${id}-${cursor}` : undefined
  return (
    <div
      ref={list}
      class="virtual"
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-multiselectable={isSelected !== undefined}
      aria-activedescendant={shown}
      onScroll={scrolled}
    >
      <div class="virtual-all" role="presentation" style={{ height: `${total * rowHeight}px` }}>
        <div
          class="virtual-shown"
          role="presentation"
          style={{ transform: `translateY(${first * rowHeight}px)` }}
        >
          {indices.map((index) => {
            const item = row(index)
            return (
              <div
                key={item === undefined ? index : props.keyOf(item)}
                id={`${id}-${index}`}
                role="option"
                class={index === cursor ? 'row current' : 'row'}
                aria-selected={isSelected === undefined ? index === cursor : isSelected(index)}
                aria-posinset={index + 1}
                aria-setsize={total}
                style={{ height: `${rowHeight}px` }}
                onClick={() => onCursor(index, item)}
              >
                {item === undefined ? <span class="skeleton" /> : draw(item)}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
