import { useState } from 'preact/hooks'
import type { CardBehaviour, CardBehaviourPage, ReviewCard } from '../../api/review-cards.ts'
import { query } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { count } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'
import type { Decision } from './decide.ts'

const pageRows = 50

/** What the card holds: a few samples, all of it on request, and a decision on single behaviours. */
export function CardBehaviours({
  card,
  onDecide,
}: {
  readonly card: ReviewCard
  readonly onDecide: (behaviour: CardBehaviour, kind: Decision['kind']) => void
}) {
  const [offset, setOffset] = useState<number | undefined>(undefined)
  const path = `/v1/review/${encodeURIComponent(card.key)}/behaviours`
  const { value } = useResource<CardBehaviourPage>(
    offset === undefined ? undefined : `${path}${query({ offset, limit: pageRows })}`,
  )
  const rows = value?.rows ?? card.samples
  const total = value?.total ?? card.behaviours
  const from = value?.offset ?? 0
  return (
    <section aria-label="behaviours of the card">
      <h3>{count(total)} behaviours</h3>
      {card.proposed === undefined ? null : (
        <p class="muted">
          All names fit <Foreign text={card.proposed} />
        </p>
      )}
      <ol class="card-behaviours" start={from + 1}>
        {rows.map((row) => (
          <BehaviourLine key={row.id} row={row} card={card} onDecide={onDecide} />
        ))}
      </ol>
      {total <= card.samples.length ? null : offset === undefined ? (
        <button type="button" class="quiet" onClick={() => setOffset(0)}>
          Show all {count(total)}
        </button>
      ) : (
        <p class="buttons" role="group" aria-label="pages">
          <button
            type="button"
            class="quiet"
            disabled={offset === 0}
            onClick={() => setOffset(Math.max(0, offset - pageRows))}
          >
            Earlier
          </button>
          <span class="muted">
            {count(from + 1)} to {count(from + rows.length)} of {count(total)}
          </span>
          <button
            type="button"
            class="quiet"
            disabled={offset + pageRows >= total}
            onClick={() => setOffset(offset + pageRows)}
          >
            Later
          </button>
        </p>
      )}
    </section>
  )
}

function BehaviourLine({
  row,
  card,
  onDecide,
}: {
  readonly row: CardBehaviour
  readonly card: ReviewCard
  readonly onDecide: (behaviour: CardBehaviour, kind: Decision['kind']) => void
}) {
  const { actor, text, explained, guardrails } = row
  return (
    <li>
      <span class="behaviour-text">
        {actor === card.actor ? null : (
          <span class="muted">
            <Foreign text={actor} />{' '}
          </span>
        )}
        <Foreign text={text} />
        {guardrails.length === 0 ? null : (
          <span class="badge behaviour quarantined">{guardrails.join(', ')}</span>
        )}
        {explained === undefined ? null : <span class="badge behaviour approved">explained</span>}
      </span>
      <span class="number muted">{count(row.count)} ×</span>
      <button
        type="button"
        class="quiet"
        aria-label="Allow only this"
        onClick={() => onDecide(row, 'approve')}
      >
        Allow
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="Reject only this"
        onClick={() => onDecide(row, 'reject')}
      >
        Reject
      </button>
    </li>
  )
}
