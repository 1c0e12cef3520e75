import { useRef, useState } from 'preact/hooks'
import type { IncidentPage, IncidentView } from '../../api/incident-views.ts'
import { query } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { useResource } from '../base/resource.ts'
import { count, plural } from '../base/text.ts'
import { useAnchor } from '../base/use-anchor.ts'
import { Ago } from '../parts/ago.tsx'
import { SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { listKeys } from '../parts/list-keys.ts'
import { Empty, ProblemNote, Waiting } from '../parts/notes.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { IncidentStoryView } from './incident-story.tsx'

const rowHeight = 52
const mostShown = 500
const everyMs = 10_000

/** `open`: id of the incident to begin with, or of an alert of it. */
export function IncidentsPage({ open }: { readonly open: string }) {
  const [which, setWhich] = useState<'open' | 'closed'>('open')
  const [cursor, setCursor] = useState(0)
  const [shown, setShown] = useState(open)
  const list = useRef<HTMLDivElement>(null)
  const path = `/v1/incidents${query({ state: which, limit: mostShown })}`
  const { value, problem } = useResource<IncidentPage>(path, everyMs)
  const rows = value?.incidents ?? []
  const at = Math.min(cursor, Math.max(0, rows.length - 1))
  const anchor = useAnchor(at, rows.length, (index) => rows[index]?.id, setCursor)
  const pick = (to: number, row?: IncidentView): void => {
    setShown('')
    anchor.pick(to, row?.id)
    list.current?.focus()
  }
  useKeys('Incidents', listKeys(rows.length, at, pick, 8))
  const id = shown === '' ? rows[at]?.id : shown
  return (
    <div class="view tall">
      <header class="view-head">
        <h1>Incidents</h1>
        <p class="sub" role="status">
          {value === undefined ? ' ' : summaryOf(value)}
        </p>
        <div class="filters">
          <label class="facet">
            <span class="hidden">open or closed</span>
            <select
              value={which}
              onChange={({ currentTarget }) => {
                setWhich(currentTarget.value === 'closed' ? 'closed' : 'open')
                setCursor(0)
                setShown('')
              }}
            >
              <option value="open">open</option>
              <option value="closed">closed</option>
            </select>
          </label>
        </div>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {value === undefined ? (
        <Waiting rows={6} />
      ) : (
        <div class="split">
          <div class="split-list panel">
            {rows.length === 0 ? (
              <Empty title={which === 'open' ? 'No open incident' : 'No closed incident'}>
                <p>Alerts that hang together appear here in one row, over all containers.</p>
              </Empty>
            ) : (
              <VirtualList
                label="incidents"
                listRef={list}
                total={rows.length}
                rowHeight={rowHeight}
                row={(index) => rows[index]}
                look={() => undefined}
                cursor={at}
                keyOf={({ id: name }) => name}
                onCursor={pick}
                draw={(row) => <IncidentLine row={row} />}
              />
            )}
          </div>
          <div class="split-detail">
            {id === undefined ? null : <IncidentStoryView key={id} id={id} />}
          </div>
        </div>
      )}
    </div>
  )
}

function summaryOf({ total, incidents, outside }: IncidentPage): string {
  const others = Object.values(outside).reduce((sum, each) => sum + each, 0)
  const first =
    total > incidents.length ? `, the first ${count(incidents.length)} of them here` : ''
  return `${plural(total, 'incident')}${first}; ${plural(others, 'open alert')} in none`
}

function IncidentLine({ row }: { readonly row: IncidentView }) {
  const { severity, title, alerts, containers, images, persons, lastSeen } = row
  return (
    <div class="alert-row">
      <SeverityBadge severity={severity} />
      <span class="card-texts">
        <span class="what">
          <Foreign text={title} cut />
        </span>
        <span class="who muted">
          {plural(alerts, 'alert')} in {plural(containers, 'container')} {' · '}
          <Foreign text={images.join(', ')} cut />
          {persons.length === 0 ? null : (
            <>
              {' · by '}
              <Foreign text={persons.join(', ')} cut />
            </>
          )}
        </span>
      </span>
      <span class="card-marks">
        <Ago time={lastSeen} />
      </span>
    </div>
  )
}
