import { type Severity, severities } from '../../core/event/alert-words.ts'
import { lineageName } from '../../core/event/image-key.ts'
import { placeOf } from '../../core/incident/incident-title.ts'
import { named, type NamedPerson } from '../../core/person/session-person.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import type { PersonContainer, PersonEntrance, PersonView } from '../../api/person-views.ts'
import type { Entrance } from '../evidence/entrances.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'
import { textOf } from './alert-rows.ts'

const personsShown = 500
const containersShown = 100
const actsShown = 5
const entrancesShown = 100

/**
 * Persons with alerts, the latest first, then those who only entered pods.
 *
 * @param alerts all of them, the newest first
 * @param entrances the newest first
 * @param name only this person
 */
export function* personViews(
  alerts: readonly KeptAlert[],
  entrances: readonly Entrance[],
  name: string | undefined,
): Steps<readonly PersonView[]> {
  const persons = new Map<string, Sums>()
  for (const [at, alert] of alerts.entries()) {
    if (at % lookedAtOnce === 0) yield
    const { sessions } = alert
    if (sessions === undefined) continue
    const counted = new Set<string>()
    for (const { id, person } of sessions) {
      const who = named(person)
      if (who === undefined || (name !== undefined && who.name !== name)) continue
      const known = persons.get(who.name)
      if (known === undefined && persons.size >= personsShown) continue
      const sums = known ?? new Sums(who.name)
      persons.set(who.name, sums)
      yield
      sums.add(alert, id, who, !counted.has(who.name))
      counted.add(who.name)
    }
  }
  for (const entrance of entrances) {
    if (name !== undefined && entrance.name !== name) continue
    const known = persons.get(entrance.name)
    if (known === undefined && persons.size >= personsShown) continue
    const sums = known ?? new Sums(entrance.name)
    persons.set(entrance.name, sums)
    sums.entered(entrance)
  }
  return [...persons.values()].map((sums) => sums.view())
}

/** Of one person, or of one person in one container. */
class Span {
  readonly sessions = new Set<string>()
  alerts = 0
  severity: Severity | undefined
  firstSeen = ''
  lastSeen = ''

  count({ severity, firstSeen, lastSeen }: KeptAlert): void {
    this.alerts += 1
    const before = this.severity
    if (before === undefined || severities.indexOf(severity) > severities.indexOf(before))
      this.severity = severity
    this.seen(firstSeen, lastSeen)
  }

  seen(firstSeen: string, lastSeen: string): void {
    if (this.firstSeen === '' || firstSeen < this.firstSeen) this.firstSeen = firstSeen
    if (lastSeen > this.lastSeen) this.lastSeen = lastSeen
  }

  facts() {
    const { alerts, severity, firstSeen, lastSeen } = this
    const gravest = severity === undefined ? {} : { severity }
    return { sessions: this.sessions.size, alerts, ...gravest, firstSeen, lastSeen }
  }
}

class ContainerSpan extends Span {
  readonly about: Pick<PersonContainer, 'id' | 'name' | 'place' | 'image'>
  readonly acts: string[] = []

  constructor(id: string, { whole, image }: KeptAlert) {
    super()
    const name = whole.container?.name
    this.about = {
      id,
      place: placeOf(whole),
      ...(name === undefined ? {} : { name }),
      ...(image === undefined ? {} : { image: lineageName(image) }),
    }
  }

  override count(alert: KeptAlert): void {
    super.count(alert)
    if (this.acts.length < actsShown) this.acts.push(textOf(alert.whole))
  }
}

class Sums extends Span {
  readonly #name: string
  readonly #as = new Set<string>()
  readonly #from = new Set<string>()
  readonly #containers = new Map<string, ContainerSpan>()
  readonly #entrances: PersonEntrance[] = []

  constructor(name: string) {
    super()
    this.#name = name
  }

  add(alert: KeptAlert, session: string, { as, from }: NamedPerson, isNew: boolean): void {
    const id = alert.containerId ?? ''
    this.sessions.add(`${id}/${session}`)
    if (as !== undefined) this.#as.add(as)
    if (from !== undefined) this.#from.add(from)
    if (isNew) this.count(alert)
    const known = this.#containers.get(id)
    if (known === undefined && this.#containers.size >= containersShown) return
    const container = known ?? new ContainerSpan(id, alert)
    this.#containers.set(id, container)
    container.sessions.add(session)
    if (isNew) container.count(alert)
  }

  entered({ kind, namespace, pod, container, as, from, beganMs, endedMs }: Entrance): void {
    const began = new Date(beganMs).toISOString()
    const ended = endedMs === undefined ? undefined : new Date(endedMs).toISOString()
    if (as !== undefined) this.#as.add(as)
    if (from !== undefined) this.#from.add(from)
    this.seen(began, ended ?? began)
    if (this.#entrances.length >= entrancesShown) return
    this.#entrances.push({
      kind,
      place: `${namespace}/${pod}`,
      began,
      ...(container === undefined ? {} : { container }),
      ...(as === undefined ? {} : { as }),
      ...(from === undefined ? {} : { from }),
      ...(ended === undefined ? {} : { ended }),
    })
  }

  view(): PersonView {
    const containers = [...this.#containers.values()].map((container) => ({
      ...container.about,
      ...container.facts(),
      acts: container.acts,
    }))
    return {
      name: this.#name,
      as: [...this.#as].sort(),
      from: [...this.#from].sort(),
      ...this.facts(),
      containers,
      entrances: this.#entrances,
    }
  }
}
