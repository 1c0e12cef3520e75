import type { CardBehaviour, ReviewCard } from '../../api/review-cards.ts'
import { link } from '../base/route.ts'
import { count, plural, splitRef, versionName } from '../base/text.ts'
import { Ago, At } from '../parts/ago.tsx'
import { BehaviourBadge, originText, StageBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { BackTest } from './back-test.tsx'
import { CardBehaviours } from './card-behaviours.tsx'
import { DecisionButtons } from './decision-buttons.tsx'
import type { Decision } from './decide.ts'
import { WhoDecided } from './who-decided.tsx'

/** All that one needs for one decision. */
export function DecisionCard({
  card,
  changed,
  onDecide,
  onDecideOne,
  onIncident,
}: {
  readonly card: ReviewCard
  /** Somebody else has decided on one of its versions since the card was opened. */
  readonly changed: boolean
  readonly onDecide: (decision: Decision) => void
  readonly onDecideOne: (behaviour: CardBehaviour, kind: Decision['kind']) => void
  readonly onIncident: (session: string) => void
}) {
  const { actor, user, text, repository, origins, containers, places, guardrails } = card
  const [first] = places
  return (
    <article class="panel card" aria-label="decision">
      {changed ? (
        <p class="note warn" role="alert">
          Another reviewer decided on this image meanwhile.
          {first === undefined ? null : <WhoDecided version={first.ref} />} The card shows the new
          state: check it, then decide.
        </p>
      ) : null}
      <h2 class="act-line">
        <Foreign text={`${actor} ${text}`} />
      </h2>
      <p class="muted">
        as {user}, in{' '}
        <a href={link('image', repository)}>
          <Foreign text={repository} />
        </a>
      </p>
      {guardrails.length === 0 ? null : (
        <p class="note bad">A guardrail fired on it: {guardrails.join(', ')}</p>
      )}
      {card.elsewhere === undefined ? null : (
        <p class="note">
          Profiles of the same image expect it in <Foreign text={card.elsewhere.join(', ')} />.
        </p>
      )}
      {card.explained === undefined ? null : (
        <p class="note good">
          <Foreign text={card.explained} words />
        </p>
      )}
      {card.behaviours === 1 ? null : <CardBehaviours card={card} onDecide={onDecideOne} />}
      <dl class="facts">
        <dt>where from</dt>
        <dd>{origins.map(originText).join(', ')}</dd>
        <dt>how often</dt>
        <dd>
          {plural(card.count, 'time')} in {plural(containers, 'container')}
        </dd>
        <dt>when</dt>
        <dd>
          <At time={card.firstSeen} /> – <At time={card.lastSeen} />{' '}
          <span class="muted">
            (<Ago time={card.lastSeen} />)
          </span>
        </dd>
        <dt>why it is new</dt>
        <dd>
          {card.reasons.map((reason) => (
            <p key={reason}>
              <Foreign text={reason} words />
            </p>
          ))}
        </dd>
        <dt>nearest known</dt>
        <dd>{card.nearest === undefined ? 'none' : <Foreign text={card.nearest} />}</dd>
        {card.alerts.length === 0 ? null : (
          <>
            <dt>alerts</dt>
            <dd class="alert-links">
              {card.alerts.slice(0, 3).map((id) => (
                <a key={id} href={link('alerts', id)}>
                  {id.slice(-6)}
                </a>
              ))}
              {card.alerts.length > 3 ? `and ${count(card.alerts.length - 3)} more` : ''}
            </dd>
          </>
        )}
      </dl>
      <h3>Where</h3>
      <ul class="places">
        {places.map((place) => (
          <li key={place.ref}>
            <a href={link('image', place.ref)}>
              <Foreign text={versionName(place.tags, splitRef(place.ref).digest)} />
            </a>
            <StageBadge state={place.state} mode={place.mode} />
            <BehaviourBadge state={place.behaviourState} />
            <span class="muted">
              {plural(place.count, 'time')} in {plural(place.containers, 'container')}
            </span>
          </li>
        ))}
      </ul>
      {first === undefined ? null : <BackTest version={first.ref} behaviours={first.behaviours} />}
      <DecisionButtons
        places={places}
        sessions={card.sessions}
        onDecide={onDecide}
        onIncident={onIncident}
      />
    </article>
  )
}
