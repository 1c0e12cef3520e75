import { useState } from 'preact/hooks'
import type { FleetCase } from '../reading/case-view.ts'
import type {
  FleetIncidentClosure,
  FleetIncidentRow,
  FleetIncidents,
  FleetIncidentStory,
} from '../reading/views.ts'
import { ask } from '../../page/base/api.ts'
import { useResource } from '../../page/base/resource.ts'
import { link } from '../../page/base/route.ts'
import { bytesText, count, plural } from '../../page/base/text.ts'
import { Ago, At } from '../../page/parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../../page/parts/badges.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { IncidentHead } from '../../page/parts/incident-head.tsx'
import { Answered } from '../../page/parts/notes.tsx'
import { CloseDialog, ClosedNote } from '../../page/incidents/close-dialog.tsx'
import { attempt, toast } from '../../page/shell/toasts.tsx'
import { useMay } from './fleet-decide.ts'
import { FleetList, TwoLines } from './fleet-list.tsx'
import { PersonLinks } from './person-links.tsx'
import { TextFacts } from './text-facts.tsx'

/** Nodes that a row names. */
const nodesNamed = 2

/** Alerts of all nodes that hang together, the most severe first. `wanted`: id of the incident to begin with. */
export function FleetIncidentsView({ wanted }: { readonly wanted: string }) {
  const [state, setState] = useState('open')
  return (
    <FleetList<FleetIncidentRow, FleetIncidents>
      title="Incidents"
      one="incident"
      path="/v1/fleet/incidents"
      find="Find: what happened, a place, an image, a node"
      filter={{ state }}
      keyOf={({ id }) => id}
      draw={(row) => <IncidentLine row={row} />}
      fields={() => (
        <label class="facet">
          <span class="hidden">open or closed</span>
          <select value={state} onChange={({ currentTarget }) => setState(currentTarget.value)}>
            <option value="open">open</option>
            <option value="closed">closed</option>
          </select>
        </label>
      )}
      detail={({ id }) => <IncidentDetail key={id} id={id} />}
      {...(wanted === '' ? {} : { opened: <IncidentDetail id={wanted} /> })}
      empty={state === 'open' ? 'No open incident' : 'No closed incident'}
      emptyWhy="Alerts that hang together appear here in one row, over all nodes."
    />
  )
}

function IncidentLine({ row }: { readonly row: FleetIncidentRow }) {
  const { severity, title, alerts, containers, nodes, nodeCount } = row
  const { images, persons, lastSeen, closed } = row
  const why =
    closed === undefined
      ? [...images, ...persons].join(', ')
      : `${closed.by}: ${closed.reason ?? closed.kind}`
  return (
    <TwoLines
      mark={<SeverityBadge severity={severity} />}
      what={<Foreign text={title} cut />}
      who={
        <>
          {plural(alerts, 'alert')} in {plural(containers, 'container')} on{' '}
          {nodeCount > nodesNamed ? plural(nodeCount, 'node') : <Foreign text={nodes.join(', ')} />}
          {' · '}
          <Foreign text={why} cut words={closed !== undefined} />
        </>
      }
    >
      <Ago time={lastSeen} />
    </TwoLines>
  )
}

function nodesText({ nodes, nodeCount }: FleetIncidentRow): string {
  const more = nodeCount - nodes.length
  return more > 0 ? `${nodes.join(', ')} and ${count(more)} more` : nodes.join(', ')
}

function IncidentDetail({ id }: { readonly id: string }) {
  const path = `/v1/fleet/incidents/${encodeURIComponent(id)}`
  const resource = useResource<FleetIncidentStory>(path)
  return (
    <Answered resource={resource} rows={6}>
      {(incident) => <IncidentCard incident={incident} path={path} />}
    </Answered>
  )
}

function IncidentCard({
  incident,
  path,
}: {
  readonly incident: FleetIncidentStory
  readonly path: string
}) {
  const { steps, left } = incident
  return (
    <article class="panel card" aria-label="incident">
      <IncidentHead incident={incident} />
      <Facts incident={incident} />
      <Closing incident={incident} path={path} />
      <h3>What happened</h3>
      <ol class="story">
        {steps.map((step) => (
          <li key={step.seq} class="step reported">
            <At time={step.firstSeen} date={false} />
            <span class="step-text">
              <a href={link('alerts', String(step.seq))}>
                <Foreign text={step.text} />
              </a>{' '}
              <span class="muted">
                {step.actor === undefined ? null : <Foreign text={step.actor} />} on{' '}
                <Foreign text={step.nodes.join(', ')} words />
                {step.alerts > 1
                  ? `, ${plural(step.alerts, 'alert')} in ${plural(step.containers, 'container')}`
                  : ''}
              </span>
            </span>
            <DoneBadge action={step.action} decision={step.decision} />{' '}
            <SeverityBadge severity={step.severity} />
          </li>
        ))}
      </ol>
      {left > 0 ? <p class="muted">{count(left)} more steps of no higher severity</p> : null}
      <Cases cases={incident.cases} />
    </article>
  )
}

/** Evidence on the nodes: where it is, and how to get it there. */
function Cases({ cases }: { readonly cases: readonly FleetCase[] }) {
  if (cases.length === 0) return null
  return (
    <>
      <h3>Evidence</h3>
      <ul class="plain-list">
        {cases.map(({ id, node, time, by, reason, state, sha256, bytes, because }) => (
          <li key={`${node} ${id}`}>
            <span class="badge decided">{state}</span> on <Foreign text={node} />{' '}
            <span class="muted">
              {bytesText(bytes)}, <Ago time={time} /> by <Foreign text={by} />
              {because === 'alert' ? '' : ', of a container of the incident'}
            </span>
            <p>
              <Foreign text={reason} words />
            </p>
            <p>
              <code>
                snug case export <Foreign text={id} />
              </code>
            </p>
            <p class="muted">
              SHA-256 <code class="digest">{sha256}</code>
            </p>
          </li>
        ))}
      </ul>
    </>
  )
}

/** The button for reviewers, or who closed it, and whether its nodes have confirmed that. */
function Closing({
  incident: { closed, unconfirmed, open, revision },
  path,
}: {
  readonly incident: FleetIncidentStory
  readonly path: string
}) {
  const [asks, setAsks] = useState(false)
  const isReviewer = useMay('reviewer')
  return (
    <>
      {closed === undefined ? null : <ClosedNote closed={closed} />}
      {unconfirmed === 0 ? null : (
        <p class="note">
          {plural(unconfirmed, 'alert')} closed here, and not acknowledged by the agents yet.
        </p>
      )}
      {open > 0 && isReviewer ? (
        <p class="buttons">
          <button type="button" class="primary" onClick={() => setAsks(true)}>
            Close …
          </button>
        </p>
      ) : null}
      {asks ? (
        <CloseDialog
          seen={{ open, revision }}
          close={(seen, reason) => close(path, seen, reason)}
          onClose={() => setAsks(false)}
        />
      ) : null}
    </>
  )
}

function close(path: string, revision: string, reason: string): Promise<boolean> {
  return attempt(async () => {
    const body = { revision, reason }
    const answer = await ask<FleetIncidentClosure>(`${path}/close`, { method: 'POST', body })
    const { alerts, left } = answer
    const more = left === 0 ? '' : `. ${plural(left, 'more alert')}: close the incident again`
    toast(`the agents acknowledge ${plural(alerts, 'alert')}${more}`)
  }, 'The incident changed meanwhile: check it again')
}

function Facts({ incident }: { readonly incident: FleetIncidentStory }) {
  const { containers, places, images, persons, guardrails, alerts, open, events } = incident
  const facts: readonly (readonly [string, string])[] = [
    ['nodes', nodesText(incident)],
    ['where', `${plural(containers, 'container')}: ${places.join(', ')}`],
    ['images', images.join(', ')],
    ['guardrails', guardrails.join(', ')],
    [
      'alerts',
      `${plural(alerts, 'alert')} of ${plural(events, 'event')}, ${count(open)} without a decision`,
    ],
    ['incident', incident.id],
  ]
  return (
    <dl class="facts">
      <TextFacts facts={facts} words />
      <PersonLinks names={persons} />
      <dt>when</dt>
      <dd>
        <At time={incident.firstSeen} /> to <At time={incident.lastSeen} />
      </dd>
    </dl>
  )
}
