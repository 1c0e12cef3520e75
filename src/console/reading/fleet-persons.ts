import { compareText } from '../../core/compare-text.ts'
import { severities } from '../../core/event/alert-words.ts'
import { graverOf } from '../../core/incident/incident-record.ts'
import { lookedAtOnce, sorted, type Steps } from '../../core/steps.ts'
import { sessionKey, whyText } from '../../core/person/session-person.ts'
import { SnugError } from '../../errors.ts'
import { Slices } from '../../support/slices.ts'
import type { FleetIncidents, ListedIncidents } from './fleet-incidents.ts'
import type {
  FleetPersonPage,
  FleetPersonRow,
  FleetPersonStory,
  PersonContainer,
  PersonsCover,
} from './person-views.ts'
import type { KeptAlert, KeptSession } from './stream-record.ts'
import type { FleetIncidentRow } from './views.ts'
import { isFound, type WindowQuery, windowOf } from './window.ts'

export interface FleetPersonQuery extends WindowQuery {
  readonly node?: string
}

const namesShown = 20
const shown = { containers: 100, sessions: 10, acts: 20, incidents: 100 } as const

interface FoundPersons {
  /** The latest first. */
  readonly persons: readonly FoundPerson[]
  readonly covers: PersonsCover
}

interface FoundPerson {
  readonly row: FleetPersonRow
  readonly nodes: ReadonlySet<string>
  /** Newest first. */
  readonly alerts: readonly KeptAlert[]
  /** With the number of their alerts in each, the most severe first. */
  readonly incidents: ReadonlyMap<FleetIncidentRow, number>
}

/**
 * Who began sessions on any node, and what they did, of the alerts in memory. A person is one whom an agent named: the
 * console joins nothing by itself.
 */
export class FleetPersons {
  readonly #incidents: FleetIncidents
  readonly #slices = new Slices()
  #of: ListedIncidents | undefined
  #found: Promise<FoundPersons> | undefined

  constructor(incidents: FleetIncidents) {
    this.#incidents = incidents
  }

  async page(query: FleetPersonQuery): Promise<FleetPersonPage> {
    const { node, q } = query
    const { persons, covers } = await this.#now()
    const found = persons.filter(
      ({ row: { name, as, from, places }, nodes }) =>
        (node === undefined || nodes.has(node)) &&
        isFound(q, name, ...as, ...from, ...places, ...nodes),
    )
    const rows = found.map(({ row }) => row)
    return { ...windowOf(rows, query), covers }
  }

  /** Errors: PERSON_UNKNOWN. */
  async story(name: string): Promise<FleetPersonStory> {
    const { persons, covers } = await this.#now()
    const found = persons.find(({ row }) => row.name === name)
    if (found === undefined)
      throw new SnugError('PERSON_UNKNOWN', `no alert in memory is of a session by \`${name}\``)
    const { row, alerts, incidents } = found
    const containers = new Map<string, KeptAlert[]>()
    for (const alert of alerts) {
      const of = containers.get(containerOf(alert))
      if (of === undefined) containers.set(containerOf(alert), [alert])
      else of.push(alert)
    }
    return {
      ...row,
      containers: [...containers.values()]
        .slice(0, shown.containers)
        .map((of) => containerView(name, of)),
      incidents: [...incidents]
        .slice(0, shown.incidents)
        .map(([{ id, title, severity, state, lastSeen, alerts: all }, theirs]) => {
          return { id, title, severity, state, lastSeen, alerts: all, theirs }
        }),
      covers,
    }
  }

  async #now(): Promise<FoundPersons> {
    const listed = await this.#incidents.listed()
    if (this.#of !== listed || this.#found === undefined) {
      this.#of = listed
      this.#found = this.#slices.run('persons', personsIn(listed))
    }
    return this.#found
  }
}

function* personsIn({ alerts, incidents }: ListedIncidents): Steps<FoundPersons> {
  const persons = new Map<string, Sums>()
  const sessions = new Map<string, KeptSession>()
  for (const [at, alert] of alerts.entries()) {
    if (at % lookedAtOnce === 0) yield
    for (const session of alert.sessions ?? []) {
      const key = sessionKey(containerOf(alert), session.id)
      // The latest message has the latest that its agent knows.
      if (!sessions.has(key)) sessions.set(key, session)
    }
    for (const name of alert.persons) {
      const sums = persons.get(name) ?? new Sums(name)
      persons.set(name, sums)
      sums.add(alert)
    }
  }
  for (const { row, alerts: members } of incidents) {
    for (const [at, alert] of members.entries()) {
      if (at % lookedAtOnce === 0) yield
      for (const name of alert.persons) persons.get(name)?.addTo(row)
    }
  }
  const unnamed = new Map<string, number>()
  for (const { why } of sessions.values())
    if (why !== undefined) unnamed.set(why, (unnamed.get(why) ?? 0) + 1)
  const from = alerts.at(-1)?.receivedAt
  const found = yield* sorted(
    [...persons.values()].map((sums) => sums.found()),
    (a, b) => compareText(b.row.lastSeen, a.row.lastSeen) || compareText(a.row.name, b.row.name),
  )
  return {
    persons: found,
    covers: {
      alerts: alerts.length,
      ...(from === undefined ? {} : { from }),
      sessions: sessions.size,
      unnamed: [...unnamed].map(([why, of]) => ({ why, text: whyText(why), sessions: of })),
    },
  }
}

/** Of one person. */
class Sums {
  readonly #name: string
  readonly #alerts: KeptAlert[] = []
  readonly #incidents = new Map<FleetIncidentRow, number>()
  readonly #nodes = new Set<string>()
  readonly #places = new Set<string>()
  readonly #containers = new Set<string>()
  /** By node, container and id: the latest that is known of each. */
  readonly #sessions = new Map<string, OwnSession>()
  #open = 0
  #severity: KeptAlert['severity'] = 'low'
  #lastSeen = ''

  constructor(name: string) {
    this.#name = name
  }

  add(alert: KeptAlert): void {
    const { node, severity, lastSeen, decision, incident } = alert
    this.#alerts.push(alert)
    this.#nodes.add(node)
    this.#places.add(incident.place)
    this.#containers.add(containerOf(alert))
    for (const session of sessionsBy(this.#name, alert)) {
      const key = sessionKey(containerOf(alert), session.id)
      if (!this.#sessions.has(key)) this.#sessions.set(key, session)
    }
    if (decision === undefined) this.#open += 1
    this.#severity = graverOf(this.#severity, severity)
    if (lastSeen > this.#lastSeen) this.#lastSeen = lastSeen
  }

  addTo(incident: FleetIncidentRow): void {
    this.#incidents.set(incident, (this.#incidents.get(incident) ?? 0) + 1)
  }

  found(): FoundPerson {
    const sessions = [...this.#sessions.values()]
    const certain: Record<string, number> = {}
    for (const { person } of sessions)
      certain[person.certainty] = (certain[person.certainty] ?? 0) + 1
    const row = {
      name: this.#name,
      as: distinct(sessions.map(({ person }) => person.as)),
      from: distinct(sessions.map(({ person }) => person.from)),
      sessions: sessions.length,
      certainties: certain,
      alerts: this.#alerts.length,
      open: this.#open,
      severity: this.#severity,
      firstSeen: sessions.map(({ since }) => since).sort()[0] ?? '',
      lastSeen: this.#lastSeen,
      nodes: distinct([...this.#nodes]),
      nodeCount: this.#nodes.size,
      places: [...this.#places].slice(0, namesShown),
      containerCount: this.#containers.size,
      incidentCount: this.#incidents.size,
    }
    return { row, nodes: this.#nodes, alerts: this.#alerts, incidents: this.#incidents }
  }
}

type OwnSession = KeptSession & Required<Pick<KeptSession, 'person'>>

function sessionsBy(name: string, { sessions = [] }: KeptAlert): readonly OwnSession[] {
  return sessions.filter((session): session is OwnSession => session.person?.name === name)
}

function distinct(texts: readonly (string | undefined)[]): readonly string[] {
  const found = new Set(texts.filter((text) => text !== undefined))
  return [...found].sort().slice(0, namesShown)
}

/** Node and container, or the node alone. */
function containerOf({ node, incident }: KeptAlert): string {
  return incident.container ?? node
}

/** @param alerts of one container, newest first; at least one */
function containerView(name: string, alerts: readonly KeptAlert[]): PersonContainer {
  const [latest] = alerts as readonly [KeptAlert]
  const { node, container, repository, incident } = latest
  const sessions = new Map<string, PersonContainer['sessions'][number]>()
  for (const alert of alerts) {
    for (const { id, since, person } of sessionsBy(name, alert)) {
      const { name: _, ...how } = person
      const { alerts: before, ...known } = sessions.get(id) ?? { id, since, ...how, alerts: 0 }
      sessions.set(id, { ...known, alerts: before + 1 })
    }
  }
  const gravest = alerts.toSorted(
    (a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity),
  )
  const acts = gravest.slice(0, shown.acts).map((alert) => actBy(name, alert))
  acts.sort((a, b) => compareText(a.firstSeen, b.firstSeen))
  return {
    node,
    id: containerOf(latest).slice(node.length + 1),
    ...(container === undefined ? {} : { name: container }),
    place: incident.place,
    ...(repository === undefined ? {} : { image: repository }),
    severity: gravest[0]?.severity ?? 'low',
    sessions: [...sessions.values()]
      .sort((a, b) => compareText(b.since, a.since))
      .slice(0, shown.sessions),
    sessionCount: sessions.size,
    acts,
    alerts: alerts.length,
  }
}

function actBy(name: string, alert: KeptAlert): PersonContainer['acts'][number] {
  const { seq, incident, lastSeen, severity, action, decision, actor, text, count } = alert
  return {
    seq,
    firstSeen: incident.firstSeen,
    lastSeen,
    severity,
    action,
    ...(decision === undefined ? {} : { decision }),
    ...(actor === undefined ? {} : { actor }),
    text,
    count,
    others: (alert.sessions?.length ?? 0) - sessionsBy(name, alert).length,
  }
}
