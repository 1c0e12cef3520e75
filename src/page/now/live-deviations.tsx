import type { AlertPage } from '../../api/alert-rows.ts'
import { link } from '../base/route.ts'
import { count } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { DoneBadge, SeverityBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Panel, Waiting } from '../parts/notes.tsx'

const shown = 8

/** The latest deviations without a decision. */
export function LiveDeviations({ alerts }: { readonly alerts: AlertPage | undefined }) {
  return (
    <Panel
      title="Live deviations"
      class="deviations"
      aside={
        <a href={link('alerts')}>
          {alerts === undefined || alerts.total <= shown
            ? 'all alerts'
            : `all ${count(alerts.total)}`}
        </a>
      }
    >
      {alerts === undefined ? (
        <Waiting rows={5} />
      ) : alerts.total === 0 ? (
        <Empty title="Nothing deviates">
          <p>A deviation from a profile appears here within a second.</p>
        </Empty>
      ) : (
        <ol class="plain-list">
          {alerts.rows.slice(0, shown).map((row) => (
            <li key={row.id}>
              <a class="deviation" href={link('alerts', row.id)}>
                <SeverityBadge severity={row.severity} />
                <span class="what">
                  <Foreign text={row.text} cut />
                </span>
                <span class="who muted">
                  {row.actor === undefined ? '' : <Foreign text={row.actor} cut />}
                </span>
                <DoneBadge action={row.action} />
                <Ago time={row.lastSeen} />
              </a>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
