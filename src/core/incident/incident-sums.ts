import type { Severity } from '../event/alert-words.ts'
import { lookedAtOnce, type Steps } from '../steps.ts'
import type { IncidentFact } from './incident-fact.ts'
import type { IncidentRecord } from './incident-record.ts'

/** What an alert adds to its incident. */
export interface IncidentPart {
  readonly fact: IncidentFact
  readonly place: string
  readonly firstSeen: string
  readonly lastSeen: string
  /** Its events. */
  readonly count: number
  readonly isOpen: boolean
  /** Its repository. */
  readonly image: string | undefined
  readonly persons: readonly string[]
  readonly attack: readonly string[]
  readonly guardrails: readonly string[]
}

/** Of all its alerts. Places are all of them, those of the gravest alerts first. */
export type IncidentSums = Pick<
  IncidentRecord,
  | 'firstSeen'
  | 'lastSeen'
  | 'alerts'
  | 'open'
  | 'events'
  | 'severities'
  | 'containers'
  | 'places'
  | 'images'
  | 'persons'
  | 'attack'
  | 'guardrails'
>

/** @param parts gravest first */
export function* incidentSums(parts: readonly IncidentPart[]): Steps<IncidentSums> {
  const containers = new Set<string | undefined>()
  const [places, images] = [new Set<string>(), new Set<string>()]
  const [attack, guardrails, persons] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const severities: Record<Severity, number> = { low: 0, medium: 0, high: 0, critical: 0 }
  let [firstSeen, lastSeen, events, open] = ['', '', 0, 0]
  for (const [at, part] of parts.entries()) {
    if (at % lookedAtOnce === 0) yield
    const { fact, image } = part
    if (firstSeen === '' || part.firstSeen < firstSeen) firstSeen = part.firstSeen
    if (part.lastSeen > lastSeen) lastSeen = part.lastSeen
    // A summary counts alerts.
    if (fact.role !== 'summary') events += part.count
    severities[fact.severity] += 1
    containers.add(fact.container)
    places.add(part.place)
    if (image !== undefined) images.add(image)
    for (const name of part.persons) persons.add(name)
    for (const technique of part.attack) attack.add(technique)
    for (const rule of part.guardrails) guardrails.add(rule)
    if (part.isOpen) open += 1
  }
  return {
    firstSeen,
    lastSeen,
    alerts: parts.length,
    open,
    events,
    severities,
    containers: containers.size,
    places: [...places],
    images: [...images].sort(),
    persons: [...persons].sort(),
    attack: [...attack].sort(),
    guardrails: [...guardrails].sort(),
  }
}
