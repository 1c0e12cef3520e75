import { useState } from 'preact/hooks'
import type { AuditCheckView, AuditView } from '../../api/review-views.ts'
import { useResource } from '../base/resource.ts'
import { link } from '../base/route.ts'
import { count, plural, splitRef } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, ProblemNote, Waiting } from '../parts/notes.tsx'

const step = 200
const changesShown = 6

/** Who decided what, when and why: newest first. */
export function AuditPage() {
  const [limit, setLimit] = useState(step)
  const { value, problem } = useResource<readonly AuditView[]>(`/v1/audit?limit=${limit}`, 10_000)
  const check = useResource<AuditCheckView>('/v1/audit/verify')
  return (
    <div class="view">
      <header class="view-head">
        <h1>Audit log</h1>
        <p class="sub">{check.value === undefined ? ' ' : chainText(check.value)}</p>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {value === undefined ? (
        <Waiting rows={8} />
      ) : value.length === 0 ? (
        <Empty title="Nothing was decided yet">
          <p>Snug records every decision of a person and every automatic step of a version here.</p>
        </Empty>
      ) : (
        <div class="panel scroll-x" tabIndex={0} role="region" aria-label="decisions">
          <table class="plain audit">
            <thead>
              <tr>
                <th scope="col">when</th>
                <th scope="col">who</th>
                <th scope="col">what</th>
                <th scope="col">on</th>
                <th scope="col">and so</th>
              </tr>
            </thead>
            <tbody>
              {value.map((entry) => (
                <tr key={entry.seq}>
                  <td>
                    <At time={entry.time} />
                  </td>
                  <td>
                    <Foreign text={entry.who} />
                  </td>
                  <td>
                    <span class="badge decided">{entry.what}</span>
                  </td>
                  <td>
                    <Subject entry={entry} />
                  </td>
                  <td>
                    <Outcome entry={entry} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {value.length < limit ? null : (
            <button type="button" onClick={() => setLimit(limit + step)}>
              Show older ones
            </button>
          )}
        </div>
      )}
    </div>
  )
}

function chainText({ ok, entries, head, faults }: AuditCheckView): string {
  const chain = `${plural(entries, 'entry', 'entries')}, chained up to ${head.slice(0, 12)}`
  return ok ? `${chain}: unchanged` : `${chain}: damaged or changed, ${faults.join('; ')}`
}

function Subject({ entry }: { readonly entry: AuditView }) {
  const image = entry['image']
  const images = entry['images']
  const others = Array.isArray(images) ? images.length - 1 : 0
  const alert = entry['alert']
  return (
    <>
      {typeof image === 'string' ? (
        <a href={link('image', image)}>
          <Foreign text={splitRef(image).repository} />
          <span class="muted">
            {' '}
            {splitRef(image).digest.slice(7, 15)}
            {others > 0 ? ` and ${plural(others, 'more version', 'more versions')}` : ''}
          </span>
        </a>
      ) : null}
      {typeof alert === 'string' ? (
        <>
          {' '}
          <a href={link('alerts', alert)}>alert {alert.slice(-6)}</a>
        </>
      ) : null}
    </>
  )
}

interface Change {
  readonly text: string
  readonly before: string
  readonly after: string
  readonly image?: string
}

function Outcome({ entry }: { readonly entry: AuditView }) {
  const changes = Array.isArray(entry['changes']) ? (entry['changes'] as readonly Change[]) : []
  const because = entry['because'] ?? entry['reason']
  const [from, to] = [entry['from'], entry['to']].map(standing)
  return (
    <>
      {from === undefined || to === undefined ? null : `${from} → ${to} `}
      {changes.slice(0, changesShown).map(({ text, before, after, image = '' }) => (
        <p key={`${image} ${text}`}>
          <Foreign text={text} /> <span class="muted">{`${before} → ${after}`}</span>
        </p>
      ))}
      {changes.length > changesShown ? (
        <p class="muted">and {count(changes.length - changesShown)} more</p>
      ) : null}
      {typeof because === 'string' ? (
        <span class="muted">
          <Foreign text={because} words />
        </span>
      ) : null}
    </>
  )
}

function standing(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { state, mode } = value as { readonly state?: unknown; readonly mode?: unknown }
  return state === 'enforced' ? String(mode) : typeof state === 'string' ? state : undefined
}
