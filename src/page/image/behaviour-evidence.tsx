import type { BehaviourView } from '../../api/profile-views.ts'
import { count, plural } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { BehaviourBadge, originText } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Panel } from '../parts/notes.tsx'

const witnessesShown = 12
const containersShown = 8

/** Why a behaviour is in the profile, or is not. */
export function BehaviourEvidence({ behaviour }: { readonly behaviour: BehaviourView }) {
  const { actor, uid, text, state, why, witnesses, origins, containers, sessions } = behaviour
  const { allowance, guardrails, nodes, sources, generalised, firstSeen, lastSeen } = behaviour
  return (
    <Panel title="Evidence" class="evidence">
      <p class="act-line">
        <Foreign text={text} />
      </p>
      <p>
        <BehaviourBadge state={state} /> <span class="muted">{why}</span>
      </p>
      <dl class="facts">
        <dt>who</dt>
        <dd>
          <Foreign text={actor.script ?? actor.exe} />
          {actor.script === undefined ? null : (
            <span class="muted">
              {' '}
              by <Foreign text={actor.exe} />
            </span>
          )}{' '}
          as {uid === 'declared' ? 'the declared user' : `uid ${uid}`}
        </dd>
        {origins.length === 0 ? null : (
          <>
            <dt>where from</dt>
            <dd>{origins.map(originText).join(', ')}</dd>
          </>
        )}
        <dt>how often</dt>
        <dd>{plural(behaviour.count, 'time')}</dd>
        {firstSeen === '' ? null : (
          <>
            <dt>first seen</dt>
            <dd>
              <At time={firstSeen} />
            </dd>
            <dt>last seen</dt>
            <dd>
              <At time={lastSeen} />
            </dd>
          </>
        )}
        <dt>containers</dt>
        <dd>
          {containers.slice(0, containersShown).map((id) => (
            <code key={id}>{id.slice(0, 12)} </code>
          ))}
          {containers.length > containersShown
            ? `and ${count(containers.length - containersShown)} more`
            : ''}
        </dd>
        {sessions.length === 0 ? null : (
          <>
            <dt>exec sessions</dt>
            <dd>
              {sessions.map((session) => (
                <Foreign key={session} text={`${session} `} />
              ))}
            </dd>
          </>
        )}
        <dt>seen by</dt>
        <dd>
          {sources.join(', ')} on {nodes.join(', ')}
        </dd>
        {guardrails.length === 0 ? null : (
          <>
            <dt>guardrails</dt>
            <dd>{guardrails.join(', ')}</dd>
          </>
        )}
        {allowance === undefined ? null : (
          <>
            <dt>decision</dt>
            <dd>
              {allowance.by}, <At time={allowance.at} />
              {allowance.until === undefined ? null : (
                <>
                  , until <At time={allowance.until} />
                </>
              )}
              {allowance.onlyUid === undefined ? '' : `, only for uid ${allowance.onlyUid}`}
              {allowance.onlyWorkload === undefined ? null : (
                <>
                  , only for <Foreign text={allowance.onlyWorkload} />
                </>
              )}
            </dd>
          </>
        )}
      </dl>
      {witnesses.length === 0 ? null : (
        <>
          <h3>{generalised ? 'A pattern, by these witnesses' : 'Seen as'}</h3>
          <ul class="witnesses">
            {witnesses.slice(0, witnessesShown).map((witness) => (
              <li key={witness}>
                <Foreign text={witness} />
              </li>
            ))}
            {witnesses.length > witnessesShown ? (
              <li class="muted">and {count(witnesses.length - witnessesShown)} more</li>
            ) : null}
          </ul>
        </>
      )}
    </Panel>
  )
}
