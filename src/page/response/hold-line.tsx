import { useState } from 'preact/hooks'
import type { HoldView } from '../../api/hold-views.ts'
import { ask } from '../base/api.ts'
import { plural } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { ReleaseForm } from './hold-form.tsx'

const badges = { held: 'stopped', waiting: 'pending', failed: 'failed' } as const

/** A hold, how far it has come in each container, and its end. */
export function HoldLine({ hold }: { readonly hold: HoldView }) {
  const [asks, setAsks] = useState(false)
  const { level, target, by, reason, until, containers } = hold
  return (
    <li>
      <p class="badges">
        <span class="badge stopped">{level}</span> <Foreign text={target} /> until{' '}
        <At time={until} />{' '}
        <button type="button" onClick={() => setAsks(true)}>
          Release …
        </button>
      </p>
      <p class="muted">
        <Foreign text={by} />: <Foreign text={reason} words />
      </p>
      {containers.length === 0 ? <p class="muted">None of its containers runs.</p> : null}
      <ul class="plain-list">
        {containers.map(({ id, name, image, state, because, ended = 0 }) => (
          <li key={id}>
            <span class={`badge ${badges[state]}`}>{state}</span>{' '}
            <Foreign text={name ?? id.slice(0, 12)} />{' '}
            <span class="muted">
              <Foreign text={image} />
              {ended > 0 ? `, ${plural(ended, 'connection')} ended` : ''}
            </span>
            {because === undefined ? null : (
              <p>
                <Foreign text={because} words />
              </p>
            )}
          </li>
        ))}
      </ul>
      {asks ? (
        <ReleaseForm
          release={async (why) => {
            const body = { target: hold.id, ...why }
            await ask<readonly HoldView[]>('/v1/holds/release', { method: 'POST', body })
          }}
          onClose={() => setAsks(false)}
        />
      ) : null}
    </li>
  )
}
