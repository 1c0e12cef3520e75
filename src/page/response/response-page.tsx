import type { CaseSummary } from '../../api/case-views.ts'
import type { HoldView } from '../../api/hold-views.ts'
import { useResource } from '../base/resource.ts'
import { link } from '../base/route.ts'
import { bytesText, plural } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Panel, ProblemNote, Waiting } from '../parts/notes.tsx'
import { CaseStory } from './case-story.tsx'
import { HoldLine } from './hold-line.tsx'

const everyMs = 5_000

/** Containers that are held, and evidence that was captured. `open`: id of the case to show. */
export function ResponsePage({ open }: { readonly open: string }) {
  const holds = useResource<readonly HoldView[]>('/v1/holds', everyMs)
  const cases = useResource<readonly CaseSummary[]>('/v1/cases', everyMs)
  const shown = open === '' ? cases.value?.[0]?.id : open
  return (
    <div class="view">
      <header class="view-head">
        <h1>Response</h1>
        <p class="sub" role="status">
          {holds.value === undefined || cases.value === undefined
            ? ' '
            : `${plural(holds.value.length, 'hold')}; ${plural(cases.value.length, 'case')}`}
        </p>
      </header>
      {[holds, cases].map(({ problem }, at) =>
        problem === undefined ? null : <ProblemNote key={at} problem={problem} />,
      )}
      <Panel title="Held containers">
        {holds.value === undefined ? (
          <Waiting rows={2} />
        ) : holds.value.length === 0 ? (
          <Empty title="Nothing is held">
            <p>
              The story of an alert holds its container. A rule of the config (<code>respond</code>)
              does so by itself.
            </p>
          </Empty>
        ) : (
          <ul class="plain-list holds">
            {holds.value.map((hold) => (
              <HoldLine key={hold.id} hold={hold} />
            ))}
          </ul>
        )}
      </Panel>
      {cases.value === undefined ? (
        <Waiting rows={4} />
      ) : (
        <div class="columns">
          <Cases cases={cases.value} shown={shown} />
          {shown === undefined ? null : <CaseStory key={shown} id={shown} />}
        </div>
      )}
    </div>
  )
}

function Cases({
  cases,
  shown,
}: {
  readonly cases: readonly CaseSummary[]
  readonly shown: string | undefined
}) {
  return (
    <Panel title="Cases">
      {cases.length === 0 ? (
        <Empty title="No evidence was captured">
          <p>
            The story of an alert captures evidence of its container. A rule of the config (
            <code>capture</code>) does so by itself.
          </p>
        </Empty>
      ) : (
        <ul class="plain-list cases">
          {cases.map(({ id, state, time, container, reason, bytes }) => (
            <li key={id}>
              <a href={link('response', id)} aria-current={id === shown ? 'true' : undefined}>
                <Foreign text={container.name ?? container.id.slice(0, 12)} />
              </a>{' '}
              <span class="badge decided">{state}</span>{' '}
              <span class="muted">
                {bytesText(bytes)}, <Ago time={time} />
              </span>
              <p>
                <Foreign text={reason} words />
              </p>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
