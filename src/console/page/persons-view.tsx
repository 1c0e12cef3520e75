import type {
  FleetPersonPage,
  FleetPersonRow,
  FleetPersonStory,
  PersonContainer,
  PersonsCover,
} from '../reading/person-views.ts'
import { useResource } from '../../page/base/resource.ts'
import { link } from '../../page/base/route.ts'
import { count, plural } from '../../page/base/text.ts'
import { Ago, At } from '../../page/parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../../page/parts/badges.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { Answered } from '../../page/parts/notes.tsx'
import { FleetList, TwoLines } from './fleet-list.tsx'
import { TextFacts } from './text-facts.tsx'

/** Who began sessions on any node, the latest first. `wanted`: name of the person to begin with. */
export function PersonsView({ wanted }: { readonly wanted: string }) {
  return (
    <FleetList<FleetPersonRow, FleetPersonPage>
      title="Persons"
      one="person"
      path="/v1/fleet/persons"
      find="Find: a person, an address, a workload, a node"
      filter={{}}
      keyOf={({ name }) => name}
      above={({ covers }) => <Cover covers={covers} />}
      draw={(row) => <PersonLine row={row} />}
      detail={({ name }) => <PersonDetail key={name} name={name} />}
      {...(wanted === '' ? {} : { opened: <PersonDetail name={wanted} /> })}
      empty="No alert is of a session whose person is known"
      emptyWhy="Agents name persons where they read the audit log of the API server."
    />
  )
}

/** What the view is made of, so that nobody takes what is not there for what did not happen. */
function Cover({ covers: { alerts, from, sessions, unnamed } }: { readonly covers: PersonsCover }) {
  const nobody = unnamed.reduce((sum, each) => sum + each.sessions, 0)
  const whys = unnamed.map(({ text, sessions: n }) => `${text} (${count(n)})`)
  return (
    <p class="note">
      From the {plural(alerts, 'alert')} in memory
      {from === undefined ? null : (
        <>
          , received since <At time={from} />
        </>
      )}
      : {plural(sessions, 'session')}
      {nobody === 0 ? '.' : `, and of ${count(nobody)} nobody is named: `}
      <Foreign text={whys.join(', ')} words />
      {nobody === 0 ? '' : '.'} A session without an alert is not here.
    </p>
  )
}

function PersonLine({ row }: { readonly row: FleetPersonRow }) {
  const { severity, name, sessions, containerCount, alerts, places, nodes, nodeCount } = row
  return (
    <TwoLines
      mark={<SeverityBadge severity={severity} />}
      what={<Foreign text={name} cut />}
      who={
        <>
          {plural(sessions, 'session')} in {plural(containerCount, 'container')} on{' '}
          {nodeCount > 2 ? plural(nodeCount, 'node') : <Foreign text={nodes.join(', ')} />}
          {' · '}
          <Foreign text={places.join(', ')} cut />
        </>
      }
    >
      <span class="number muted">{plural(alerts, 'alert')}</span>
      <Ago time={row.lastSeen} />
    </TwoLines>
  )
}

function PersonDetail({ name }: { readonly name: string }) {
  const path = `/v1/fleet/persons/${encodeURIComponent(name)}`
  const resource = useResource<FleetPersonStory>(path)
  return (
    <>
      <Answered resource={resource} rows={6}>
        {(person) => <PersonCard person={person} />}
      </Answered>
      {resource.value === undefined && !resource.loading ? <OlderAlerts name={name} /> : null}
    </>
  )
}

function PersonCard({ person }: { readonly person: FleetPersonStory }) {
  const { containers, containerCount } = person
  return (
    <article class="panel card" aria-label="person">
      <p class="badges">
        <SeverityBadge severity={person.severity} />
      </p>
      <h2 class="act-line">
        <Foreign text={person.name} />
      </h2>
      <Facts person={person} />
      <OlderAlerts name={person.name} />
      <Incidents person={person} />
      {containers.map((container) => (
        <Container key={`${container.node} ${container.id}`} container={container} />
      ))}
      <More all={containerCount} shown={containers.length} what="container" />
    </article>
  )
}

function Facts({ person }: { readonly person: FleetPersonStory }) {
  const { as, from, sessions, certainties, nodes, nodeCount, alerts, open } = person
  const sure = Object.entries(certainties).map(([how, n]) => `${count(n)} ${how}`)
  const more = nodeCount - nodes.length
  const facts: readonly (readonly [string, string])[] = [
    ['sessions', `${count(sessions)}: ${sure.join(', ')}`],
    ['impersonated', as.join(', ')],
    ['from', from.join(', ')],
    ['nodes', more > 0 ? `${nodes.join(', ')} and ${count(more)} more` : nodes.join(', ')],
    ['alerts', `${count(alerts)}, ${count(open)} without a decision`],
  ]
  return (
    <dl class="facts">
      <TextFacts facts={facts} words />
      <dt>when</dt>
      <dd>
        <At time={person.firstSeen} /> to <At time={person.lastSeen} />
      </dd>
    </dl>
  )
}

/** The view has what is in memory. The list of the alerts goes on in the stream. */
function OlderAlerts({ name }: { readonly name: string }) {
  return (
    <p>
      <a href={`${link('alerts')}?${new URLSearchParams({ person: name }).toString()}`}>
        All alerts of these sessions, also older ones
      </a>
    </p>
  )
}

function Incidents({ person: { incidents, incidentCount } }: { person: FleetPersonStory }) {
  if (incidentCount === 0) return null
  return (
    <>
      <h3>Incidents</h3>
      <ul class="plain-list">
        {incidents.map(({ id, title, severity, state, alerts, theirs, lastSeen }) => (
          <li key={id}>
            <SeverityBadge severity={severity} /> <span class="badge decided">{state}</span>{' '}
            <a href={link('incidents', id)}>
              <Foreign text={title} words />
            </a>{' '}
            <span class="muted">
              {count(theirs)} of {plural(alerts, 'alert')}, <Ago time={lastSeen} />
            </span>
          </li>
        ))}
      </ul>
      <More all={incidentCount} shown={incidents.length} what="incident" />
    </>
  )
}

function Container({ container }: { readonly container: PersonContainer }) {
  const { node, name, place, image, sessions, sessionCount, acts, alerts } = container
  return (
    <section>
      <h3>
        <Foreign text={name ?? place} /> on <Foreign text={node} />
      </h3>
      <p class="muted">
        <Foreign text={[place, image].filter(Boolean).join(' · ')} words />
      </p>
      <ul class="plain-list">
        {sessions.map(({ id, since, certainty, as, from }) => (
          <li key={id}>
            <span class={`badge ${certainty === 'certain' ? 'approved' : 'pending'}`}>
              {certainty}
            </span>{' '}
            session <Foreign text={id} /> since <At time={since} />{' '}
            <span class="muted">
              <Foreign
                text={`${as === undefined ? '' : `as ${as} `}${from === undefined ? '' : `from ${from}`}`}
                words
              />
            </span>
          </li>
        ))}
      </ul>
      <More all={sessionCount} shown={sessions.length} what="session" />
      <ol class="story">
        {acts.map((act) => (
          <li key={act.seq} class="step reported">
            <At time={act.firstSeen} date={false} />
            <span class="step-text">
              <a href={link('alerts', String(act.seq))}>
                <Foreign text={act.text} />
              </a>{' '}
              <span class="muted">
                {act.actor === undefined ? null : <Foreign text={act.actor} />}
                {act.others === 0
                  ? ''
                  : `, shared with ${plural(act.others, 'session')} that they did not begin`}
              </span>
            </span>
            <DoneBadge action={act.action} decision={act.decision} />{' '}
            <SeverityBadge severity={act.severity} />
          </li>
        ))}
      </ol>
      <More all={alerts} shown={acts.length} what="alert" />
    </section>
  )
}

function More(props: { readonly all: number; readonly shown: number; readonly what: string }) {
  const left = props.all - props.shown
  return left > 0 ? <p class="muted">{plural(left, `more ${props.what}`)}</p> : null
}
