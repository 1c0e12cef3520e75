import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Alert } from '../../core/event/alert.ts'
import type { FleetAlertRow, FleetAlerts } from '../reading/views.ts'
import { ask, Problem, query } from '../../page/base/api.ts'
import { useKeys } from '../../page/base/keys.ts'
import { useResource } from '../../page/base/resource.ts'
import { place } from '../../page/base/route.ts'
import { count, plural } from '../../page/base/text.ts'
import { Ago, At } from '../../page/parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../../page/parts/badges.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { listKeys } from '../../page/parts/list-keys.ts'
import { Answered, Empty, ProblemNote, Waiting } from '../../page/parts/notes.tsx'
import { VirtualList } from '../../page/parts/virtual-list.tsx'
import { HoldButton } from './fleet-holds.tsx'
import { TwoLines } from './fleet-list.tsx'
import { SessionLinks } from './person-links.tsx'
import { TextFacts } from './text-facts.tsx'

const rowHeight = 52
const pageRows = 200
const hourMs = 3_600_000

/**
 * The log of all nodes, newest first. Older pages are added on request: the stream may have millions. `wanted`: number of
 * the message to begin with.
 */
export function FleetAlertsView({ wanted }: { readonly wanted: string }) {
  const [opened, setOpened] = useState(wanted)
  const [q, setQ] = useState('')
  const [severity, setSeverity] = useState('')
  const [node, setNode] = useState('')
  const [person, setPerson] = useState(place.value.query.get('person') ?? '')
  const [decided, setDecided] = useState('')
  const [hours, setHours] = useState('')
  const [cursor, setCursor] = useState(0)
  const [older, setOlder] = useState<readonly FleetAlerts[]>([])
  const [isAsking, setAsking] = useState(false)
  const [fault, setFault] = useState<Problem | undefined>(undefined)
  const list = useRef<HTMLDivElement>(null)
  const filter = { q, severity, node, person, decided, limit: pageRows }
  const name = JSON.stringify([filter, hours])
  useEffect(() => {
    setOlder([])
    setCursor(0)
    setFault(undefined)
  }, [name])
  // One time for all pages of a list: else its beginning would move with the time.
  const from = useMemo(
    () => (hours === '' ? '' : new Date(Date.now() - Number(hours) * hourMs).toISOString()),
    [hours],
  )
  const path = (next?: string): string => `/v1/fleet/alerts${query({ ...filter, from, next })}`
  const first = useResource<FleetAlerts>(path())
  const pages = first.value === undefined ? [] : [first.value, ...older]
  const rows = distinct(pages)
  const last = pages.at(-1)
  const at = Math.min(cursor, Math.max(0, rows.length - 1))
  const shown = opened === '' ? rows[at]?.seq : opened
  const more = async (): Promise<void> => {
    if (last?.next === undefined || isAsking) return
    setAsking(true)
    try {
      const page = await ask<FleetAlerts>(path(last.next))
      setOlder((before) => [...before, page])
      setFault(undefined)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      setFault(error)
    } finally {
      setAsking(false)
    }
  }
  const pick = (to: number): void => {
    setCursor(to)
    setOpened('')
    list.current?.focus()
  }
  useKeys('Alerts', [
    ...listKeys(rows.length, at, pick, 8),
    { keys: 'm', does: 'older alerts', run: () => void more() },
  ])
  const problem = first.problem ?? fault
  return (
    <div class="view tall">
      <header class="view-head">
        <h1>Alerts</h1>
        <p class="sub" role="status">
          {last === undefined ? ' ' : extent(rows.length, last)}
        </p>
        <div class="filters">
          <input
            type="search"
            aria-label="find an alert"
            placeholder="Find: a behaviour, a program, an image"
            value={q}
            onInput={({ currentTarget }) => setQ(currentTarget.value)}
          />
          <input
            type="search"
            aria-label="of a node"
            placeholder="node"
            value={node}
            onInput={({ currentTarget }) => setNode(currentTarget.value)}
          />
          <input
            type="search"
            aria-label="of sessions by a person"
            placeholder="person"
            value={person}
            onInput={({ currentTarget }) => setPerson(currentTarget.value)}
          />
          <Choice label="severity" value={severity} onChange={setSeverity} options={severities} />
          <Choice
            label="decided or not"
            value={decided}
            onChange={setDecided}
            options={decisions}
          />
          <Choice label="since" value={hours} onChange={setHours} options={times} />
        </div>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {first.value === undefined ? (
        problem === undefined ? (
          <Waiting rows={6} />
        ) : null
      ) : (
        <div class="split">
          <div class="split-list panel with-foot">
            {rows.length === 0 ? (
              <Empty title="No alert matches">
                <p>A deviation on any node appears here within two seconds.</p>
              </Empty>
            ) : (
              <VirtualList
                label="alerts"
                listRef={list}
                total={rows.length}
                rowHeight={rowHeight}
                row={(index) => rows[index]}
                look={() => undefined}
                cursor={at}
                keyOf={({ seq }) => String(seq)}
                onCursor={pick}
                draw={(row) => <AlertLine row={row} />}
              />
            )}
            {last?.next === undefined ? null : (
              <p class="list-foot">
                <button type="button" disabled={isAsking} onClick={() => void more()}>
                  {last.isPartial ? 'Search further back' : 'Older alerts'} <kbd>m</kbd>
                </button>
              </p>
            )}
          </div>
          <div class="split-detail">
            {shown === undefined ? null : <AlertDetail key={shown} seq={shown} />}
          </div>
        </div>
      )}
    </div>
  )
}

/** Newest first, each alert in its latest state. */
function distinct(pages: readonly FleetAlerts[]): readonly FleetAlertRow[] {
  const seen = new Set<string>()
  return pages
    .flatMap(({ rows }) => rows)
    .filter(({ id, node }) => {
      const name = `${id} ${node}`
      if (seen.has(name)) return false
      seen.add(name)
      return true
    })
}

function extent(rows: number, { next, searchedTo }: FleetAlerts) {
  return (
    <>
      {plural(rows, 'alert')}
      {next === undefined ? '' : ' back to '}
      {next === undefined ? null : <At time={searchedTo} />}
    </>
  )
}

type Options = readonly (readonly [value: string, text: string])[]

const severities: Options = [
  ['', 'any severity'],
  ['critical', 'critical'],
  ['high', 'high and above'],
  ['medium', 'medium and above'],
  ['low', 'low and above'],
]
const decisions: Options = [
  ['', 'open and decided'],
  ['false', 'open'],
  ['true', 'decided'],
]
const times: Options = [
  ['', 'at any time'],
  ['1', 'in the last hour'],
  ['24', 'in the last day'],
  ['168', 'in the last week'],
]

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly options: Options
  readonly onChange: (value: string) => void
}) {
  return (
    <label class="facet">
      <span class="hidden">{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

function AlertLine({ row }: { readonly row: FleetAlertRow }) {
  return (
    <TwoLines
      mark={<SeverityBadge severity={row.severity} />}
      what={<Foreign text={row.text} cut />}
      who={
        <>
          <Foreign text={row.node} />
          {row.repository === undefined ? null : (
            <>
              {' · '}
              <Foreign text={row.repository} />
            </>
          )}
          {row.container === undefined ? null : (
            <>
              {' · '}
              <Foreign text={row.container} />
            </>
          )}
          {row.persons.length === 0 ? null : (
            <>
              {' · by '}
              <Foreign text={row.persons.join(', ')} />
            </>
          )}
        </>
      }
    >
      <DoneBadge action={row.action} decision={row.decision} />
      <span class="number muted">{row.count > 1 ? `${count(row.count)} ×` : ''}</span>
      <Ago time={row.lastSeen} />
    </TwoLines>
  )
}

function AlertDetail({ seq }: { readonly seq: number | string }) {
  const path = `/v1/fleet/alerts/${encodeURIComponent(seq)}`
  const resource = useResource<Alert>(path)
  return (
    <Answered resource={resource} rows={6}>
      {(alert) => <AlertCard alert={alert} path={path} />}
    </Answered>
  )
}

function AlertCard({ alert, path }: { readonly alert: Alert; readonly path: string }) {
  const { image, container, workload, process, decision, behaviour } = alert
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['node', alert.node],
    ['image', image === undefined ? undefined : `${image.repository} ${image.tag ?? ''}`],
    ['container', container?.name ?? container?.id],
    ['workload', [workload?.namespace, workload?.kind, workload?.name].filter(Boolean).join('/')],
    ['program', process?.exe],
    ['arguments', process?.args?.join(' ')],
    ['guardrails', alert.guardrails.join(', ')],
    ['mode', alert.mode],
    ['alert', alert.id],
  ]
  return (
    <article class="panel card" aria-label="alert">
      <p class="badges">
        <SeverityBadge severity={alert.severity} /> <span class="badge decided">{alert.type}</span>{' '}
        <DoneBadge action={alert.action} decision={decision?.kind} />{' '}
        {alert.attack.map((technique) => (
          <span key={technique} class="badge attack">
            {technique}
          </span>
        ))}
      </p>
      <h2 class="act-line">
        <Foreign text={behaviour?.text ?? alert.reasons[0] ?? alert.type} />
      </h2>
      <ul class="reasons-list">
        {alert.reasons.map((reason) => (
          <li key={reason}>
            <Foreign text={reason} words />
          </li>
        ))}
      </ul>
      <dl class="facts">
        <TextFacts facts={facts} />
        <SessionLinks sessions={alert.sessions} />
        <dt>seen</dt>
        <dd>
          {count(alert.count)} times, first <At time={alert.firstSeen} />, last{' '}
          <At time={alert.lastSeen} />
        </dd>
      </dl>
      {container === undefined || image === undefined ? null : (
        <p class="buttons">
          <HoldButton
            what={workload?.pod === undefined ? 'the container' : 'the pod'}
            path={`${path}/hold`}
          />
        </p>
      )}
      {decision === undefined ? null : (
        <p class="note good">
          {decision.kind} by <Foreign text={decision.by} />, <Ago time={decision.at} />
          {decision.reason === undefined ? null : (
            <>
              : <Foreign text={decision.reason} words />
            </>
          )}
        </p>
      )}
    </article>
  )
}
