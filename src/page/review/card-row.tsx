import type { ReviewCard } from '../../api/review-cards.ts'
import { count, plural } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'

export function CardRow({
  card,
  ticked,
  changed,
  onTick,
}: {
  readonly card: ReviewCard
  readonly ticked: boolean
  readonly changed: boolean
  readonly onTick: () => void
}) {
  const { text, actor, repository, guardrails, explained, alerts, places } = card
  return (
    <div class="card-row">
      <span
        class={ticked ? 'tick on' : 'tick'}
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation()
          onTick()
        }}
      />
      <span class="card-texts">
        <span class="what">
          <Foreign text={text} cut />
        </span>
        <span class="who muted">
          <Foreign text={actor} cut /> · <Foreign text={repository} />
          {places.length > 1 ? ` · ${plural(places.length, 'version')}` : ''}
        </span>
      </span>
      <span class="card-marks">
        {changed ? <span class="badge severity medium">changed</span> : null}
        {guardrails.length > 0 ? <span class="badge behaviour quarantined">guardrail</span> : null}
        {explained === undefined ? null : <span class="badge behaviour approved">explained</span>}
        {alerts.length > 0 ? (
          <span class="badge decided">{plural(alerts.length, 'alert')}</span>
        ) : null}
        <span class="number muted">{count(card.count)} ×</span>
      </span>
    </div>
  )
}
