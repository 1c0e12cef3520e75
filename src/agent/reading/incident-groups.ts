import type { Alert } from '../../core/event/alert.ts'
import { type IncidentFact, incidentFact } from '../../core/incident/incident-fact.ts'
import { placeOf } from '../../core/incident/incident-title.ts'
import { type Incident, incidentsOf } from '../../core/incident/incidents.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import type { AlertStore } from '../records/alerts/alert-store.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'

/** What incidents need of an alert: it may be packed. */
export interface IncidentAlert extends Readonly<Pick<Alert, 'attack' | 'guardrails' | 'action'>> {
  readonly kept: KeptAlert
  readonly fact: IncidentFact
  readonly place: string
  readonly namespace: string | undefined
}

export interface IncidentGroups {
  readonly incidents: readonly Incident[]
  readonly outside: readonly IncidentFact[]
  /** By id. */
  readonly alerts: ReadonlyMap<string, IncidentAlert>
}

/**
 * The incidents of the kept alerts as they are now. Nothing of them is stored: what a person decided is on the alerts, so
 * a restart changes nothing.
 */
export class IncidentsNow {
  readonly #store: AlertStore
  readonly #known = new WeakMap<KeptAlert, IncidentAlert>()
  #latest: { readonly of: readonly KeptAlert[]; readonly groups: IncidentGroups } | undefined

  constructor(store: AlertStore) {
    this.#store = store
  }

  *steps(): Steps<IncidentGroups> {
    const { newestFirst } = this.#store
    if (this.#latest?.of === newestFirst) return this.#latest.groups
    const alerts = new Map<string, IncidentAlert>()
    for (const [at, kept] of newestFirst.entries()) {
      // What a person allowed is ordinary.
      if (kept.decision?.kind === 'allowed') continue
      const known = this.#known.get(kept)
      if (known === undefined || at % lookedAtOnce === 0) yield
      alerts.set(kept.id, known ?? this.#look(kept))
    }
    const facts = [...alerts.values()].map(({ fact }) => fact)
    const groups = { ...(yield* incidentsOf(facts)), alerts }
    this.#latest = { of: newestFirst, groups }
    return groups
  }

  #look(kept: KeptAlert): IncidentAlert {
    const { whole } = kept
    const { attack, guardrails, action, workload } = whole
    const alert = {
      kept,
      fact: incidentFact(whole),
      place: placeOf(whole),
      namespace: workload?.namespace,
      attack,
      guardrails,
      action,
    }
    this.#known.set(kept, alert)
    return alert
  }
}
