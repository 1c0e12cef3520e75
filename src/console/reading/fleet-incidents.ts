import { type Severity, severities } from '../../core/event/alert-words.ts'
import { type IncidentPart, incidentSums } from '../../core/incident/incident-sums.ts'
import type { IncidentFact } from '../../core/incident/incident-fact.ts'
import { incidentTitle, type TitleStep } from '../../core/incident/incident-title.ts'
import { type Incident, incidentsOf } from '../../core/incident/incidents.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import { SnugError } from '../../errors.ts'
import { Slices } from '../../support/slices.ts'
import { shortHash } from '../../fleet/fleet-image.ts'
import { nameOf } from './alert-name.ts'
import type { AlertWindow } from './alert-window.ts'
import type { FleetCases } from './fleet-cases.ts'
import {
  type ClosingFleet,
  closedRow,
  closingsOf,
  FleetClosings,
  type IncidentClosings,
  type StandingClosings,
} from './fleet-closings.ts'
import type { KeptAlert } from './stream-record.ts'
import type { FleetIncidentRow, FleetIncidents as Page, FleetIncidentStory } from './views.ts'
import { isFound, type WindowQuery, windowOf } from './window.ts'

export interface FleetIncidentQuery extends WindowQuery {
  readonly state?: FleetIncidentRow['state']
  /** This severity and above. */
  readonly severity?: Severity
  readonly node?: string
}

/** Alerts of an incident that its title is made of. */
const titledBy = 20
const placesShown = 10
const nodesShown = 20
const stepsShown = 100
/** The least time between two derivations, and how much longer than one they are apart. */
const freshMs = 500
const share = 10

export interface FleetIncidentsOptions {
  /** Where people close incidents. */
  readonly fleet: ClosingFleet
  /** Evidence that agents captured; absent: none is known. */
  readonly cases?: FleetCases
  /** An answer was out of date, and the next one is not. */
  readonly onNews?: () => void
}

export interface FoundIncident {
  readonly row: FleetIncidentRow
  readonly nodes: Nodes
  /** Gravest first. */
  readonly alerts: readonly KeptAlert[]
}

interface Derived {
  readonly revision: number
  /** Of all that is in memory, newest first. */
  readonly alerts: readonly KeptAlert[]
  /** The most severe first, of these the latest. */
  readonly incidents: readonly FoundIncident[]
}

/** Alerts in memory, and the incidents that they are in. */
export type ListedIncidents = Pick<Derived, 'alerts' | 'incidents'>

interface Listed extends ListedIncidents {
  readonly derived: Derived
  readonly closings: StandingClosings
}

type Nodes = ReadonlySet<string>

/**
 * Incidents over all nodes, by the rules of an agent, of the alerts in memory. They are derived in slices when somebody
 * asks, and kept for a while: a flood of alerts costs a tenth of the time at most.
 */
export class FleetIncidents {
  readonly #window: AlertWindow
  readonly #slices = new Slices()
  #latest: Derived | undefined
  #underway: Promise<Derived> | undefined
  #nextMs = -Infinity
  readonly #onNews: () => void
  readonly #fleet: ClosingFleet
  readonly #cases: FleetCases | undefined
  readonly #closings: FleetClosings
  #listed: Listed | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(window: AlertWindow, options: FleetIncidentsOptions) {
    const { fleet, cases, onNews = () => undefined } = options
    this.#window = window
    this.#cases = cases
    this.#fleet = fleet
    this.#closings = new FleetClosings(fleet)
    this.#onNews = onNews
  }

  async page(query: FleetIncidentQuery): Promise<Page> {
    const { state, severity = 'low', node, q } = query
    const { incidents } = await this.listed()
    const least = severities.indexOf(severity)
    const found = incidents.filter(
      ({ row, nodes }) =>
        (state === undefined || row.state === state) &&
        severities.indexOf(row.severity) >= least &&
        (node === undefined || nodes.has(node)) &&
        isFound(q, row.title, ...row.places, ...row.images, ...row.persons, ...row.nodes),
    )
    return windowOf(
      found.map(({ row }) => row),
      query,
    )
  }

  /** `id`: of the incident, or of one of its alerts, with the node. Errors: INCIDENT_UNKNOWN. */
  async story(id: string): Promise<FleetIncidentStory> {
    const found = foundIn(await this.listed(), id)
    const folds = folded(found.alerts)
    const steps = folds.slice(0, stepsShown).map(stepOf)
    steps.sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : a.firstSeen > b.firstSeen ? 1 : 0))
    const cases = this.#cases?.of(found.alerts, found.row.firstSeen) ?? []
    return { ...found.row, cases, steps, left: folds.length - steps.length }
  }

  /**
   * What closes an incident as the person saw it. An alert that joined since stays open.
   *
   * Errors: INCIDENT_UNKNOWN, REVISION_STALE.
   */
  async closing(
    id: string,
    { revision, reason }: { readonly revision: string; readonly reason: string },
  ): Promise<IncidentClosings & { readonly id: string }> {
    const { row, alerts } = foundIn(await this.listed(), id)
    if (row.revision !== revision)
      throw new SnugError('REVISION_STALE', 'the incident changed after you read it')
    const what = closingsOf(row, alerts, reason, this.#closings.now(), this.#fleet)
    return { id: row.id, ...what }
  }

  /** With the closings that stand now. Another object wherever something changed. */
  async listed(): Promise<ListedIncidents> {
    const derived = await this.#derived()
    const closings = this.#closings.now()
    const listed = this.#listed
    if (listed?.derived === derived && listed.closings === closings) return listed
    const incidents = derived.incidents.map((each) => {
      const row = closedRow(each.row, each.alerts, closings)
      return row === each.row ? each : { ...each, row }
    })
    this.#listed = { derived, closings, alerts: derived.alerts, incidents }
    return this.#listed
  }

  #derived(): Promise<Derived> {
    const latest = this.#latest
    if (latest?.revision === this.#window.revision) return Promise.resolve(latest)
    const waitMs = this.#nextMs - performance.now()
    if (latest !== undefined && waitMs > 0) {
      if (this.#timer === undefined) this.#timer = setTimeout(() => this.#renew(), waitMs).unref()
      return Promise.resolve(latest)
    }
    return this.#renewed()
  }

  #renew(): void {
    this.#timer = undefined
    // A timer may be early. Who asks next gets the error, if there is one.
    this.#renewed().then(this.#onNews, () => undefined)
  }

  #renewed(): Promise<Derived> {
    this.#underway ??= this.#derive().finally(() => {
      this.#underway = undefined
    })
    return this.#underway
  }

  async #derive(): Promise<Derived> {
    const began = performance.now()
    const derived = await this.#slices.run('incidents', derivedFrom(this.#window))
    this.#latest = derived
    this.#nextMs = performance.now() + Math.max(freshMs, (performance.now() - began) * share)
    return derived
  }
}

function* derivedFrom(window: AlertWindow): Steps<Derived> {
  const { revision } = window
  const all = window.newestFirst()
  const kept = new Map<string, KeptAlert>()
  const facts: IncidentFact[] = []
  for (const [at, alert] of all.entries()) {
    if (at % lookedAtOnce === 0) yield
    // An alert that a person allowed is ordinary.
    if (alert.decision === 'allowed') continue
    const fact = factOf(alert)
    facts.push(fact)
    kept.set(fact.id, alert)
  }
  const found = yield* incidentsOf(facts)
  const incidents: FoundIncident[] = []
  for (const incident of found.incidents) {
    yield
    const alerts: KeptAlert[] = []
    const parts: IncidentPart[] = []
    for (const { fact } of incident.members) {
      const alert = kept.get(fact.id)
      if (alert === undefined) continue
      alerts.push(alert)
      parts.push(partOf(fact, alert))
    }
    const nodes = new Set(alerts.map(({ node }) => node))
    incidents.push({ row: yield* rowOf(incident, alerts, parts, nodes), nodes, alerts })
  }
  return { revision, alerts: all, incidents }
}

/** Ids have the node: they are unique on one only. */
function factOf({ id, node, severity, incident }: KeptAlert): IncidentFact {
  const { firstSeen, role, container, session, pid, ppid, starts } = incident
  const { act, destination, parts } = incident
  return {
    id: nameOf({ id, node }),
    atMs: Date.parse(firstSeen),
    severity,
    role,
    ...(container === undefined ? {} : { container }),
    ...(session === undefined ? {} : { session }),
    ...(pid === undefined ? {} : { pid }),
    ...(ppid === undefined ? {} : { ppid }),
    starts,
    ...(act === undefined ? {} : { act }),
    ...(destination === undefined ? {} : { destination }),
    ...(parts === undefined ? {} : { parts: parts.map((part) => nameOf({ id: part, node })) }),
  }
}

function partOf(fact: IncidentFact, alert: KeptAlert): IncidentPart {
  const { lastSeen, count, decision, repository, guardrails, persons } = alert
  const { place, firstSeen, attack } = alert.incident
  const isOpen = decision === undefined
  const facts = { fact, place, firstSeen, lastSeen, count, isOpen }
  return { ...facts, image: repository, persons, attack, guardrails }
}

function* rowOf(
  { id, severity }: Incident,
  alerts: readonly KeptAlert[],
  parts: readonly IncidentPart[],
  nodes: Nodes,
): Steps<FleetIncidentRow> {
  const { severities: _, places, ...sums } = yield* incidentSums(parts)
  const steps = alerts.slice(0, titledBy).map(titleStepOf)
  const closed = sums.open > 0 ? undefined : latestDecision(alerts)
  return {
    ...sums,
    id,
    revision: shortHash(alerts.map(stateOf).join('\n')),
    unconfirmed: 0,
    ...(closed === undefined ? {} : { closed }),
    title: incidentTitle(steps, { places, containers: sums.containers }),
    severity,
    state: sums.open > 0 ? 'open' : 'closed',
    nodes: [...nodes].sort().slice(0, nodesShown),
    nodeCount: nodes.size,
    places: places.slice(0, placesShown),
  }
}

/** Errors: INCIDENT_UNKNOWN. */
function foundIn({ incidents }: ListedIncidents, id: string): FoundIncident {
  const found =
    incidents.find(({ row }) => row.id === id) ??
    incidents.find(({ alerts }) => alerts.some((alert) => nameOf(alert) === id))
  if (found !== undefined) return found
  throw new SnugError('INCIDENT_UNKNOWN', `no alert in memory is in an incident \`${id}\``)
}

function stateOf(alert: KeptAlert): string {
  const { severity, decision, decidedBy, decidedAt, reopenedAt } = alert
  return [nameOf(alert), severity, decision, decidedBy, decidedAt, reopenedAt].join(' ')
}

function latestDecision(alerts: readonly KeptAlert[]): FleetIncidentRow['closed'] {
  const at = ({ decidedAt = '' }: KeptAlert): string => decidedAt
  const latest = alerts.reduce((a, b) => (at(a) < at(b) ? b : a))
  const { decision: kind = '', decidedBy: by = '', decidedAt, decidedFor: reason } = latest
  return {
    kind,
    by,
    ...(decidedAt === undefined ? {} : { at: decidedAt }),
    ...(reason === undefined ? {} : { reason }),
  }
}

function titleStepOf({ incident }: KeptAlert): TitleStep | undefined {
  const { stepKind: kind, stepActor: actor = '', stepText: text = '', firstSeen } = incident
  return kind === undefined ? undefined : { kind, actor, text, firstSeen }
}

type Fold = readonly [KeptAlert, ...KeptAlert[]]

/** Alerts of one behaviour, severity and action together; gravest first. */
function folded(alerts: readonly KeptAlert[]): readonly Fold[] {
  const folds = new Map<string, [KeptAlert, ...KeptAlert[]]>()
  for (const alert of alerts) {
    const name = `${alert.severity} ${alert.action} ${alert.incident.act ?? nameOf(alert)}`
    const known = folds.get(name)
    if (known === undefined) folds.set(name, [alert])
    else known.push(alert)
  }
  return [...folds.values()]
}

function stepOf(alerts: Fold): FleetIncidentStory['steps'][number] {
  const [first] = alerts
  const { severity, action, actor, text, seq, incident, decision } = first
  const isDecided = alerts.every((alert) => alert.decision !== undefined)
  return {
    firstSeen: incident.firstSeen,
    lastSeen: alerts.reduce((last, each) => (each.lastSeen > last ? each.lastSeen : last), ''),
    severity,
    action,
    ...(actor === undefined ? {} : { actor }),
    text,
    ...(isDecided && decision !== undefined ? { decision } : {}),
    seq,
    alerts: alerts.length,
    events: alerts.reduce((sum, { count }) => sum + count, 0),
    containers: new Set(alerts.map(({ incident: { container } }) => container)).size,
    nodes: [...new Set(alerts.map(({ node }) => node))].sort().slice(0, nodesShown),
  }
}
