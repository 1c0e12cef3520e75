import { useRef, useState } from 'preact/hooks'
import type { Alert } from '../../core/event/alert.ts'
import type { AlertPage, AlertRow } from '../../api/alert-rows.ts'
import { query } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { count, plural } from '../base/text.ts'
import { useAnchor } from '../base/use-anchor.ts'
import { useWindow } from '../base/use-window.ts'
import { FacetSelect } from '../parts/facet-select.tsx'
import { listKeys } from '../parts/list-keys.ts'
import { Empty, ProblemNote, Waiting } from '../parts/notes.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { toast } from '../shell/toasts.tsx'
import { AlertLine } from './alert-line.tsx'
import { AlertStoryView } from './alert-story.tsx'
import { answerOn } from './answer.ts'

const rowHeight = 52

/** `open`: id of the alert to begin with. */
export function AlertsPage({ open }: { readonly open: string }) {
  const [q, setQ] = useState('')
  const [severity, setSeverity] = useState('')
  const [image, setImage] = useState('')
  const [which, setWhich] = useState<'open' | 'decided' | 'all'>('open')
  const [grouped, setGrouped] = useState(false)
  const [until, setUntil] = useState('')
  const [cursor, setCursor] = useState(0)
  const [shown, setShown] = useState(open)
  const list = useRef<HTMLDivElement>(null)
  const filter = {
    q,
    severity,
    image,
    decided: which === 'all' ? undefined : which === 'decided',
    grouped,
    until,
  }
  const windowed = useWindow<AlertRow, AlertPage>(
    JSON.stringify(filter),
    (offset, limit) => `/v1/alert-rows${query({ ...filter, offset, limit })}`,
    ({ rows }) => rows,
  )
  const { answer, problem } = windowed
  const total = answer?.total ?? 0
  const at = Math.min(cursor, Math.max(0, total - 1))
  const current = windowed.row(at)
  const id = shown === '' ? current?.id : shown
  const anchor = useAnchor(at, total, (index) => windowed.row(index)?.id, setCursor)
  const pick = (to: number, row?: AlertRow): void => {
    setShown('')
    anchor.pick(to, row?.id)
    list.current?.focus()
  }
  const decide = (kind: 'allow' | 'reject'): void => {
    if (id === undefined) return
    if (shown === '' && !anchor.settled()) {
      toast('The list has changed: check it again')
      return
    }
    anchor.release()
    const key = current?.id
    const revision = current?.id === id ? current.revision : undefined
    void answerOn(id, kind, {}, revision).then((done) => {
      if (!done && key !== undefined) anchor.hold(key)
    })
  }
  useKeys('Alerts', [
    ...listKeys(total, at, pick, 8),
    { keys: 'a', does: 'allow it', run: () => decide('allow') },
    { keys: 'r', does: 'reject it: it stays a deviation for good', run: () => decide('reject') },
    { keys: 'v', does: 'group by behaviour, or not', run: () => setGrouped(!grouped) },
  ])
  const change =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value)
      setCursor(0)
      setShown('')
    }
  const severities: Partial<Record<Alert['severity'], number>> | undefined = answer?.severities
  return (
    <div class="view tall">
      <header class="view-head">
        <h1>Alerts</h1>
        <p class="sub" role="status">
          {answer === undefined ? ' ' : plural(total, grouped ? 'behaviour' : 'alert')}
        </p>
        <div class="filters">
          <input
            type="search"
            aria-label="find an alert"
            placeholder="Find: behaviour, program, container, person"
            value={q}
            onInput={({ currentTarget }) => change(setQ)(currentTarget.value)}
          />
          <label class="facet">
            <span class="hidden">severity</span>
            <select
              value={severity}
              onChange={({ currentTarget }) => change(setSeverity)(currentTarget.value)}
            >
              <option value="">any severity</option>
              {(['critical', 'high', 'medium', 'low'] as const).map((each) => (
                <option key={each} value={each}>
                  {each}
                  {each === 'critical' ? '' : ' and above'} ({count(severities?.[each] ?? 0)})
                </option>
              ))}
            </select>
          </label>
          <FacetSelect
            label="image"
            value={image}
            facets={answer?.repositories}
            onChange={change(setImage)}
          />
          <label class="facet">
            <span class="hidden">decided or not</span>
            <select
              value={which}
              onChange={({ currentTarget }) =>
                change(setWhich)(currentTarget.value as 'open' | 'decided' | 'all')
              }
            >
              <option value="open">open</option>
              <option value="decided">decided</option>
              <option value="all">open and decided</option>
            </select>
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={grouped}
              onChange={({ currentTarget }) => change(setGrouped)(currentTarget.checked)}
            />
            group by behaviour
          </label>
          {until === '' ? null : (
            <button type="button" onClick={() => change(setUntil)('')}>
              Paused: show new alerts
            </button>
          )}
        </div>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {answer === undefined ? (
        <Waiting rows={6} />
      ) : (
        <div class="split">
          <div class="split-list panel">
            {total === 0 ? (
              <Empty title={which === 'open' && q === '' ? 'No open alert' : 'No alert matches'}>
                <p>
                  A deviation appears here within a second, with its reasons and the events before
                  it.
                </p>
              </Empty>
            ) : (
              <VirtualList
                label="alerts"
                listRef={list}
                total={total}
                rowHeight={rowHeight}
                row={windowed.row}
                look={windowed.look}
                cursor={at}
                keyOf={({ id: name }) => name}
                onCursor={pick}
                onTop={(isTop) => {
                  // What somebody reads does not move away under them.
                  if (!isTop && until === '') setUntil(windowed.row(0)?.id ?? '')
                  if (isTop) setUntil('')
                }}
                draw={(row) => <AlertLine row={row} />}
              />
            )}
          </div>
          <div class="split-detail">
            {id === undefined ? null : <AlertStoryView key={id} id={id} />}
          </div>
        </div>
      )}
    </div>
  )
}
