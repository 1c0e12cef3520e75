import type { IncidentView } from '../../api/incident-views.ts'
import { SeverityBadge } from './badges.tsx'
import { Foreign } from './foreign.tsx'

type Head = Pick<IncidentView, 'severity' | 'state' | 'attack' | 'title'>

/** How grave an incident is, its state, its techniques and its title. */
export function IncidentHead({ incident }: { readonly incident: Head }) {
  const { severity, state, attack, title } = incident
  return (
    <>
      <p class="badges">
        <SeverityBadge severity={severity} /> <span class="badge decided">{state}</span>{' '}
        {attack.map((technique) => (
          <span key={technique} class="badge attack">
            {technique}
          </span>
        ))}
      </p>
      <h2 class="act-line">
        <Foreign text={title} words />
      </h2>
    </>
  )
}
