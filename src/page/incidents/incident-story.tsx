import { useState } from 'preact/hooks'
import type { IncidentClosure, IncidentStory } from '../../api/incident-views.ts'
import { ask } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { link } from '../base/route.ts'
import { count, plural } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { IncidentHead } from '../parts/incident-head.tsx'
import { Answered } from '../parts/notes.tsx'
import { attempt, toast } from '../shell/toasts.tsx'
import { CloseDialog, ClosedNote } from './close-dialog.tsx'

const reasonsShown = 50

function incidentPath(id: string): string {
  return `/v1/incidents/${encodeURIComponent(id)}`
}

/** An incident with its steps, and the decision on all of its alerts. */
export function IncidentStoryView({ id }: { readonly id: string }) {
  const resource = useResource<IncidentStory>(incidentPath(id), 10_000)
  return (
    <Answered resource={resource} rows={6}>
      {(story) => <StoryCard story={story} />}
    </Answered>
  )
}

function StoryCard({ story }: { readonly story: IncidentStory }) {
  const [asks, setAsks] = useState(false)
  const { id, closed } = story
  return (
    <article class="panel card" aria-label="incident">
      <IncidentHead incident={story} />
      <Facts incident={story} />
      {closed === undefined ? (
        <p class="buttons">
          <button type="button" class="primary" onClick={() => setAsks(true)}>
            Close …
          </button>
        </p>
      ) : (
        <ClosedNote closed={closed} />
      )}
      {asks ? (
        <CloseDialog
          seen={story}
          close={(revision, reason) => close(id, revision, reason)}
          onClose={() => setAsks(false)}
        />
      ) : null}
      <Steps incident={story} />
      <Reasons incident={story} />
    </article>
  )
}

function Facts({ incident }: { readonly incident: IncidentStory }) {
  const { containers, places, images, persons, alerts, open, events } = incident
  const { firstSeen, lastSeen, follows } = incident
  return (
    <dl class="facts">
      <dt>where</dt>
      <dd>
        {plural(containers, 'container')}: <Foreign text={places.join(', ')} words />
      </dd>
      <dt>images</dt>
      <dd>
        {images.map((image) => (
          <p key={image}>
            <Foreign text={image} />
          </p>
        ))}
      </dd>
      {persons.length === 0 ? null : (
        <>
          <dt>sessions by</dt>
          <dd>
            <Foreign text={persons.join(', ')} words />
          </dd>
        </>
      )}
      <dt>when</dt>
      <dd>
        <At time={firstSeen} /> to <At time={lastSeen} />
      </dd>
      <dt>alerts</dt>
      <dd>
        {plural(alerts, 'alert')} of {plural(events, 'event')}, {count(open)} without a decision
      </dd>
      {follows === undefined ? null : (
        <>
          <dt>follows</dt>
          <dd>
            <a href={link('incidents', follows)}>an earlier incident with the same behaviour</a>
          </dd>
        </>
      )}
    </dl>
  )
}

function Steps({ incident: { steps, left } }: { readonly incident: IncidentStory }) {
  return (
    <>
      <h3>What happened</h3>
      <ol class="story">
        {steps.map((step) => (
          <li key={step.alert} class="step reported">
            <At time={step.firstSeen} date={false} />
            <span class="step-text">
              <a href={link('alerts', step.alert)}>
                <Foreign text={step.text} />
              </a>{' '}
              <span class="muted">
                <Foreign text={step.actor} />
                {step.alerts > 1
                  ? `, ${plural(step.alerts, 'alert')} in ${plural(step.containers, 'container')}`
                  : ''}
              </span>
            </span>
            <DoneBadge action={step.action} /> <SeverityBadge severity={step.severity} />
          </li>
        ))}
      </ol>
      {left.steps > 0 ? (
        <p class="muted">{count(left.steps)} more steps of no higher severity</p>
      ) : null}
    </>
  )
}

function Reasons({ incident: { members, left } }: { readonly incident: IncidentStory }) {
  const shown = members.slice(0, reasonsShown)
  const more = members.length - shown.length + left.members
  return (
    <details>
      <summary>Why these alerts are one incident</summary>
      <ul class="reasons-list">
        {shown.map(({ alert, because, with: other }) => (
          <li key={alert}>
            <a href={link('alerts', alert)}>{alert}</a>: <Foreign text={because} words />
            {other === undefined ? null : (
              <>
                {' '}
                as <a href={link('alerts', other)}>{other}</a>
              </>
            )}
          </li>
        ))}
      </ul>
      {more > 0 ? <p class="muted">{count(more)} more alerts</p> : null}
    </details>
  )
}

function close(id: string, revision: string, reason: string): Promise<boolean> {
  return attempt(async () => {
    const { acknowledged } = await ask<IncidentClosure>(`${incidentPath(id)}/close`, {
      method: 'POST',
      body: { revision, reason },
    })
    toast(`incident closed: ${plural(acknowledged.length, 'alert')} acknowledged`)
  }, 'The incident changed meanwhile: check it again')
}
