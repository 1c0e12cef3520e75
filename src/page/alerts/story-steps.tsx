import type { AlertStory } from '../../api/alert-rows.ts'
import { link } from '../base/route.ts'
import { count } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'

/** Events of its session or container before and after. */
export function StorySteps({ story }: { readonly story: AlertStory }) {
  const { steps, left, scope, alert } = story
  return (
    <>
      <h3>
        {scope === 'session' ? 'What this exec session did' : 'What this container did around it'}
      </h3>
      {left.before > 0 ? <p class="muted">{count(left.before)} earlier steps</p> : null}
      <ol class="story">
        {steps.map((step) => (
          <li
            key={`${step.time} ${step.alert ?? step.text} ${step.actor}`}
            class={
              step.alert === alert.id
                ? 'step this'
                : step.alert === undefined
                  ? 'step known'
                  : 'step reported'
            }
            aria-current={step.alert === alert.id ? 'true' : undefined}
          >
            <At time={step.time} date={false} />
            <span class="step-text">
              {step.alert === undefined ? (
                <Foreign text={step.text} />
              ) : (
                <a href={link('alerts', step.alert)}>
                  <Foreign text={step.text} />
                </a>
              )}{' '}
              <span class="muted">
                <Foreign text={step.actor} />
                {step.count > 1 ? `, ${count(step.count)} ×` : ''}
              </span>
            </span>
            {step.severity === undefined ? (
              <span class="muted">first seen here</span>
            ) : (
              <SeverityBadge severity={step.severity} />
            )}
          </li>
        ))}
      </ol>
      {left.after > 0 ? <p class="muted">{count(left.after)} later steps</p> : null}
    </>
  )
}
