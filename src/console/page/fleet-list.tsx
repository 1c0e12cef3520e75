import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { query } from '../../page/base/api.ts'
import { useKeys } from '../../page/base/keys.ts'
import { plural } from '../../page/base/text.ts'
import { useAnchor } from '../../page/base/use-anchor.ts'
import { useWindow } from '../../page/base/use-window.ts'
import type { WindowAnswer } from '../../page/base/window-source.ts'
import { listKeys } from '../../page/parts/list-keys.ts'
import { Empty, ProblemNote, Waiting } from '../../page/parts/notes.tsx'
import { VirtualList } from '../../page/parts/virtual-list.tsx'

export interface Rows<Row> extends WindowAnswer {
  readonly rows: readonly Row[]
}

type Filter = Readonly<Record<string, string | undefined>>

export interface FleetListProps<Row, Answer extends Rows<Row>> {
  readonly title: string
  /** What a row is. */
  readonly one: string
  readonly path: string
  readonly find: string
  /** In the search field at first. */
  readonly wanted?: string
  readonly filter: Filter
  readonly keyOf: (row: Row) => string
  readonly draw: (row: Row) => ComponentChildren
  /** More fields beside the search, from the latest answer. */
  readonly fields?: (answer: Answer | undefined) => ComponentChildren
  readonly detail?: (row: Row, decide: Decided) => ComponentChildren
  /** What a link leads to: beside the list until a row is chosen. */
  readonly opened?: ComponentChildren
  /** Between head and list. */
  readonly above?: (answer: Answer) => ComponentChildren
  readonly empty: string
  readonly emptyWhy: string
}

/** False while the row under the cursor has just changed by itself: nobody can have read it. */
export interface Decided {
  readonly settled: () => boolean
}

const rowHeight = 52

/** A long list of the fleet with a search field, in windows, and the row under the cursor beside it. */
export function FleetList<Row, Answer extends Rows<Row>>(props: FleetListProps<Row, Answer>) {
  const { title, one, path, find, filter, keyOf, draw, fields, detail, above } = props
  const [q, setQ] = useState(props.wanted ?? '')
  const [cursor, setCursor] = useState(0)
  const [isOpened, setOpened] = useState(props.opened !== undefined)
  const list = useRef<HTMLDivElement>(null)
  const asked: Filter = { ...filter, q }
  const windowed = useWindow<Row, Answer>(
    `${path} ${JSON.stringify(asked)}`,
    (offset, limit) => `${path}${query({ ...asked, offset, limit })}`,
    ({ rows }) => rows,
  )
  const { answer, problem } = windowed
  const total = answer?.total ?? 0
  const at = Math.min(cursor, Math.max(0, total - 1))
  const current = windowed.row(at)
  const keyAt = (index: number): string | undefined => {
    const row = windowed.row(index)
    return row === undefined ? undefined : keyOf(row)
  }
  const anchor = useAnchor(at, total, keyAt, setCursor)
  const pick = (to: number, row?: Row): void => {
    setOpened(false)
    anchor.pick(to, row === undefined ? undefined : keyOf(row))
    list.current?.focus()
  }
  useKeys(title, listKeys(total, at, pick, 8))
  return (
    <div class="view tall">
      <header class="view-head">
        <h1>{title}</h1>
        <p class="sub" role="status">
          {answer === undefined ? ' ' : plural(total, one)}
        </p>
        <div class="filters">
          <input
            type="search"
            aria-label={find}
            placeholder={find}
            value={q}
            onInput={({ currentTarget }) => {
              setQ(currentTarget.value)
              setCursor(0)
              setOpened(false)
            }}
          />
          {fields?.(answer)}
        </div>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {answer === undefined ? null : above?.(answer)}
      {answer === undefined ? (
        <Waiting rows={6} />
      ) : (
        <div class={detail === undefined ? 'split alone' : 'split'}>
          <div class="split-list panel">
            {total === 0 ? (
              <Empty title={q === '' ? props.empty : 'Nothing matches'}>
                <p>{props.emptyWhy}</p>
              </Empty>
            ) : (
              <VirtualList
                label={title.toLowerCase()}
                listRef={list}
                total={total}
                rowHeight={rowHeight}
                row={windowed.row}
                look={windowed.look}
                cursor={at}
                keyOf={keyOf}
                onCursor={pick}
                draw={draw}
              />
            )}
          </div>
          {detail === undefined ? null : (
            <div class="split-detail">
              {isOpened
                ? props.opened
                : current === undefined
                  ? null
                  : detail(current, { settled: anchor.settled })}
            </div>
          )}
        </div>
      )}
    </div>
  )
}

/** A row of two lines, and what is at its end. */
export function TwoLines({
  mark,
  what,
  who,
  children,
}: {
  readonly mark?: ComponentChildren
  readonly what: ComponentChildren
  readonly who: ComponentChildren
  readonly children?: ComponentChildren
}) {
  return (
    <div class="alert-row">
      {mark ?? <span />}
      <span class="card-texts">
        <span class="what">{what}</span>
        <span class="who muted">{who}</span>
      </span>
      <span class="card-marks">{children}</span>
    </div>
  )
}
