import type { AlertStory } from '../../api/alert-rows.ts'
import { useResource } from '../base/resource.ts'
import { link } from '../base/route.ts'
import { lineageOf, plural, refOf } from '../base/text.ts'
import { Ago, At } from '../parts/ago.tsx'
import { DoneBadge, originText, SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Answered } from '../parts/notes.tsx'
import { BackTest } from '../review/back-test.tsx'
import { Ancestry } from './ancestry.tsx'
import { AnswerButtons } from './answer-buttons.tsx'
import { alertsPath } from './paths.ts'
import { ContainerAnswer } from '../response/container-answer.tsx'
import { StorySteps } from './story-steps.tsx'

/** An alert with all its details, and the possible responses. */
export function AlertStoryView({ id }: { readonly id: string }) {
  const resource = useResource<AlertStory>(alertsPath(id, '/story'), 10_000)
  return (
    <Answered resource={resource} rows={6}>
      {(story) => <StoryCard story={story} />}
    </Answered>
  )
}

function StoryCard({ story }: { readonly story: AlertStory }) {
  const { alert, ancestry, inProfile, incident } = story
  const { image, behaviour, decision } = alert
  return (
    <article class="panel card" aria-label="alert">
      <p class="badges">
        <SeverityBadge severity={alert.severity} /> <span class="badge decided">{alert.type}</span>{' '}
        <DoneBadge action={alert.action} />{' '}
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
      <Facts {...story} />
      {incident === undefined ? null : (
        <p>
          Part of the incident{' '}
          <a href={link('incidents', incident.id)}>
            <Foreign text={incident.title} words />
          </a>
        </p>
      )}
      {ancestry.length === 0 ? null : (
        <>
          <h3>Ancestry</h3>
          <Ancestry ancestry={ancestry} />
        </>
      )}
      {decision === undefined ? (
        <>
          {behaviour === null || image === undefined ? null : !inProfile ? (
            <p class="muted">
              The profile stores no more deviations, so Snug cannot test the effect of allowing this
              one.
            </p>
          ) : (
            <BackTest version={refOf({ image })} behaviours={[behaviour.id]} />
          )}
          <AnswerButtons story={story} />
        </>
      ) : (
        <p class="note good">
          {decision.kind} by <Foreign text={decision.by} />, <At time={decision.at} />
          {decision.until === undefined ? null : (
            <>
              , until <At time={decision.until} />
            </>
          )}
          {decision.reason === undefined ? null : (
            <>
              : <Foreign text={decision.reason} words />
            </>
          )}
        </p>
      )}
      {alert.container === undefined ? null : (
        <div class="buttons">
          <ContainerAnswer container={alert.container} />
        </div>
      )}
      <StorySteps story={story} />
    </article>
  )
}

function Facts({ alert, alike, hashes, persons }: AlertStory) {
  const { image, container, process, workload, nearest, loaded } = alert
  return (
    <dl class="facts">
      {process === undefined ? null : (
        <>
          <dt>who</dt>
          <dd>
            <Foreign text={process.script ?? process.exe} /> as uid {process.uid}, pid {process.pid}
            , {originText(process.origin)}
            {process.args === undefined ? null : (
              <p class="command">
                <Foreign text={process.args.join(' ')} />
              </p>
            )}
          </dd>
        </>
      )}
      {persons.length === 0 ? null : (
        <>
          <dt>session by</dt>
          <dd>
            {persons.map((person) => (
              <p key={person}>
                <Foreign text={person} words />
              </p>
            ))}
          </dd>
        </>
      )}
      {image === undefined ? null : (
        <>
          <dt>image</dt>
          <dd>
            <a href={link('image', refOf({ image }))}>
              <Foreign
                text={`${lineageOf(image)}${image.tag === undefined ? '' : `:${image.tag}`}`}
              />
            </a>
          </dd>
        </>
      )}
      {container === undefined ? null : (
        <>
          <dt>container</dt>
          <dd>
            <Foreign text={container.name ?? ''} /> <code>{container.id.slice(0, 12)}</code>
          </dd>
        </>
      )}
      {workload === undefined ? null : (
        <>
          <dt>workload</dt>
          <dd>
            <Foreign
              text={[workload.namespace, workload.kind, workload.name].filter(Boolean).join('/')}
            />
          </dd>
        </>
      )}
      <dt>when</dt>
      <dd>
        <At time={alert.firstSeen} />{' '}
        <span class="muted">
          (<Ago time={alert.firstSeen} />)
        </span>
        , {plural(alert.count, 'time')}
        {alike > 0 ? `, and ${plural(alike, 'open alert')} of the same event` : ''}
      </dd>
      {hashes.length === 0 ? null : (
        <>
          <dt>SHA-256</dt>
          <dd>
            {hashes.map(({ path, text }) => (
              <p key={`${path} ${text}`}>
                <Foreign text={path} />: <code>{text}</code>
              </p>
            ))}
          </dd>
        </>
      )}
      {loaded === undefined ? null : (
        <>
          <dt>loaded</dt>
          <dd>
            {loaded.map(({ id, object }) => (
              <p key={id}>
                <Foreign text={object} />
              </p>
            ))}
          </dd>
        </>
      )}
      <dt>nearest known</dt>
      <dd>{nearest === null ? 'none' : <Foreign text={nearest.text} />}</dd>
    </dl>
  )
}
