import type { AlertRow } from '../../api/alert-rows.ts'
import { count, plural } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'

export function AlertLine({ row }: { readonly row: AlertRow }) {
  const { severity, text, actor, repository, container, action, decision, persons } = row
  const { alerts, containers } = row
  return (
    <div class="alert-row">
      <SeverityBadge severity={severity} />
      <span class="card-texts">
        <span class="what">
          <Foreign text={text} cut />
        </span>
        <span class="who muted">
          {actor === undefined ? null : <Foreign text={actor} cut />}
          {repository === undefined ? null : (
            <>
              {' · '}
              <Foreign text={repository} />
            </>
          )}
          {persons.length === 0 ? null : (
            <>
              {' · by '}
              <Foreign text={persons.join(', ')} />
            </>
          )}
          {alerts > 1 ? (
            ` · ${plural(alerts, 'alert')} in ${plural(containers, 'container')}`
          ) : container === undefined ? null : (
            <>
              {' · '}
              <Foreign text={container} />
            </>
          )}
        </span>
      </span>
      <span class="card-marks">
        <DoneBadge action={action} decision={decision} />
        <span class="number muted">{row.count > 1 ? `${count(row.count)} ×` : ''}</span>
        <Ago time={row.lastSeen} />
      </span>
    </div>
  )
}
