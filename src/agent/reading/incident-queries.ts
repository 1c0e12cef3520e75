import { severities, type Severity } from '../../core/event/alert-words.ts'
import type { AlertDecision } from '../../core/event/alert.ts'
import { lineageName } from '../../core/event/image-key.ts'
import type { LinkKind } from '../../core/incident/incident-links.ts'
import { type IncidentPart, incidentSums } from '../../core/incident/incident-sums.ts'
import { actorOf, incidentTitle, titleStep } from '../../core/incident/incident-title.ts'
import type { Incident, IncidentMember } from '../../core/incident/incidents.ts'
import { personNames } from '../../core/person/session-person.ts'
import type { Steps } from '../../core/steps.ts'
import { SnugError } from '../../errors.ts'
import type {
  IncidentMemberView,
  IncidentPage,
  IncidentQuery,
  IncidentStep,
  IncidentStory,
  IncidentView,
} from '../../api/incident-views.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'
import { incidentRevisionOf } from './live/revision.ts'
import { textOf } from './alert-rows.ts'
import type { IncidentAlert, IncidentGroups } from './incident-groups.ts'

/** Alerts of an incident that its title is made of. */
const titledBy = 20
const placesShown = 10
const stepsShown = 100
const membersShown = 500

/** Incidents as people and programs read them. */
export function* incidentPage(groups: IncidentGroups, query: IncidentQuery): Steps<IncidentPage> {
  const { state, severity, image, after, limit } = query
  const floor = severity === undefined ? 0 : severities.indexOf(severity)
  const found: Incident[] = []
  for (const incident of groups.incidents) {
    yield
    if (severities.indexOf(incident.severity) < floor) continue
    const alerts = alertsOf(groups, incident)
    const isOpen = alerts.some(({ kept }) => kept.decision === undefined)
    if (state !== undefined && isOpen !== (state === 'open')) continue
    const isOfImage = alerts.some(({ kept }) => kept.image && lineageName(kept.image) === image)
    if (image !== undefined && !isOfImage) continue
    found.push(incident)
  }
  const from = after === undefined ? 0 : found.findIndex((incident) => isBehind(incident, after))
  const incidents: IncidentView[] = []
  for (const incident of from === -1 ? [] : found.slice(from, from + limit)) {
    incidents.push(yield* viewOf(groups, incident))
  }
  const outside = counted(
    groups.outside.filter(({ id }) => groups.alerts.get(id)?.kept.decision === undefined),
  )
  return { total: found.length, incidents, outside }
}

/** Whether the incident is listed behind the one that the cursor names. */
function isBehind({ severity, id }: Incident, after: string): boolean {
  const [named = '', other = ''] = after.split(' ')
  const [own, its] = [severity, named].map((each) => severities.indexOf(each as Severity))
  return own === its ? id < other : (own ?? 0) < (its ?? 0)
}

/** Errors: INCIDENT_UNKNOWN, also for an alert that is in none. */
export function incidentOf(groups: IncidentGroups, id: string): Incident {
  const { alerts } = groups
  const found = incidentWith(groups, id)
  if (found !== undefined) return found
  const why = alerts.has(id) ? `the alert \`${id}\` is in no incident` : `no incident has \`${id}\``
  throw new SnugError('INCIDENT_UNKNOWN', why)
}

/** The incident that the alert belongs to; undefined: to none. */
export function* incidentOfAlert(
  groups: IncidentGroups,
  alert: string,
): Steps<Pick<IncidentView, 'id' | 'title'> | undefined> {
  const incident = incidentWith(groups, alert)
  if (incident === undefined) return undefined
  const { id, title } = yield* viewOf(groups, incident)
  return { id, title }
}

function incidentWith({ incidents }: IncidentGroups, alert: string): Incident | undefined {
  return incidents.find(({ members }) => members.some(({ fact }) => fact.id === alert))
}

export function* incidentStory(groups: IncidentGroups, incident: Incident): Steps<IncidentStory> {
  const view = yield* viewOf(groups, incident)
  const folded = foldedSteps(groups, incident)
  const steps: IncidentStep[] = []
  for (const alerts of folded.slice(0, stepsShown)) {
    yield
    steps.push(stepOf(alerts))
  }
  steps.sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : a.firstSeen > b.firstSeen ? 1 : 0))
  const members = incident.members
    .slice(0, membersShown)
    .map((member) => memberView(groups, member))
  const left = {
    steps: folded.length - steps.length,
    members: incident.members.length - members.length,
  }
  return { ...view, steps, members, left }
}

export function* viewOf(groups: IncidentGroups, incident: Incident): Steps<IncidentView> {
  const { id, ...facts } = yield* factsOf(groups, incident)
  const alerts = alertsOf(groups, incident).map(({ kept }) => kept)
  return { id, revision: incidentRevisionOf(alerts), ...facts }
}

/** The incident without the revision, which costs a digest of all its alerts. */
export function* factsOf(
  groups: IncidentGroups,
  incident: Incident,
): Steps<Omit<IncidentView, 'revision'>> {
  const { id, severity, follows } = incident
  const alerts = alertsOf(groups, incident)
  const sums = yield* incidentSums(alerts.map(partOf))
  const { firstSeen, lastSeen, alerts: count, open, events, containers, places, ...lists } = sums
  const closed = open > 0 ? undefined : latestOf(alerts.map(({ kept }) => kept))
  return {
    id,
    title: incidentTitle(
      alerts.slice(0, titledBy).map(({ kept }) => titleStep(kept.whole)),
      sums,
    ),
    severity,
    state: open > 0 ? 'open' : 'closed',
    firstSeen,
    lastSeen,
    alerts: count,
    open,
    events,
    severities: lists.severities,
    containers,
    places: places.slice(0, placesShown),
    images: lists.images,
    persons: lists.persons,
    attack: lists.attack,
    guardrails: lists.guardrails,
    ...(follows === undefined ? {} : { follows }),
    ...(closed === undefined ? {} : { closed }),
  }
}

function partOf({ kept, fact, place, attack, guardrails }: IncidentAlert): IncidentPart {
  const { firstSeen, lastSeen, count, image, decision, sessions } = kept
  return {
    fact,
    place,
    firstSeen,
    lastSeen,
    count,
    isOpen: decision === undefined,
    image: image && lineageName(image),
    persons: personNames(sessions),
    attack,
    guardrails,
  }
}

function latestOf(decided: readonly KeptAlert[]): AlertDecision | undefined {
  return decided
    .flatMap(({ decision }) => decision ?? [])
    .reduce<AlertDecision | undefined>(
      (latest, each) => (latest === undefined || each.at > latest.at ? each : latest),
      undefined,
    )
}

export function alertsOf(
  { alerts }: IncidentGroups,
  { members }: Incident,
): readonly IncidentAlert[] {
  return members.flatMap(({ fact }) => alerts.get(fact.id) ?? [])
}

function counted(all: readonly { readonly severity: Severity }[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { low: 0, medium: 0, high: 0, critical: 0 }
  for (const { severity } of all) counts[severity] += 1
  return counts
}

/** Alerts of one behaviour, severity and action together; gravest first. */
function foldedSteps(
  groups: IncidentGroups,
  incident: Incident,
): readonly (readonly [IncidentAlert, ...IncidentAlert[]])[] {
  const folds = new Map<string, [IncidentAlert, ...IncidentAlert[]]>()
  for (const alert of alertsOf(groups, incident)) {
    const { fact, action, kept } = alert
    const name = `${kept.severity} ${action} ${fact.act ?? fact.id}`
    const known = folds.get(name)
    if (known === undefined) folds.set(name, [alert])
    else known.push(alert)
  }
  return [...folds.values()]
}

function stepOf(alerts: readonly [IncidentAlert, ...IncidentAlert[]]): IncidentStep {
  const [{ kept: first, action }] = alerts
  let { lastSeen } = first
  for (const { kept } of alerts) if (kept.lastSeen > lastSeen) lastSeen = kept.lastSeen
  return {
    firstSeen: first.firstSeen,
    lastSeen,
    severity: first.severity,
    action,
    actor: actorOf(first.whole),
    text: textOf(first.whole),
    alert: first.id,
    alerts: alerts.length,
    containers: new Set(alerts.map(({ fact }) => fact.container)).size,
    events: alerts.reduce((sum, { kept }) => sum + kept.count, 0),
  }
}

function memberView(groups: IncidentGroups, { fact, link }: IncidentMember): IncidentMemberView {
  const { id, severity, destination } = fact
  const decision = groups.alerts.get(id)?.kept.decision
  const decided = decision === undefined ? {} : { decision: decision.kind }
  if (link === undefined) return { alert: id, severity, because: 'it was raised first', ...decided }
  const because =
    link.kind === 'destination' ? `${texts[link.kind]} ${destination ?? ''}` : texts[link.kind]
  return { alert: id, severity, because, link: link.kind, with: link.other, ...decided }
}

const texts: Readonly<Record<LinkKind, string>> = {
  session: 'the same exec session',
  'process-tree': 'the same process tree',
  container: 'the same container at about the same time',
  replica: 'the same behaviour in the same image',
  destination: 'the same destination',
  summary: 'it stands for alerts of this incident',
}
