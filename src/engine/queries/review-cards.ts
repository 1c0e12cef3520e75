import { SnugError } from '../../errors.ts'
import type { Alert } from '../../core/event/alert.ts'
import { isoOf, type Micros } from '../../core/event/time.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { explain } from '../../core/match/nearest.ts'
import type { Cell } from '../../core/profile/evidence.ts'
import { userText } from '../../core/behaviour/user.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import { revisionOf } from '../live/revision.ts'
import type {
  CardBehaviour,
  CardBehaviourPage,
  CardPlace,
  CardQuery,
  ReviewCard,
  ReviewPage,
  ReviewQuery,
} from '../api/page-views.ts'
import { titleOf } from './card-text.ts'
import {
  contentId,
  type Entry,
  groupsOf,
  mentions,
  type PredecessorOf,
  publicKey,
  type ReviewGroup,
  type Waiting,
} from './review-groups.ts'

export interface ReviewWorld {
  readonly versions: Iterable<DeployedVersion>
  readonly predecessorOf: PredecessorOf
  /** The change in its image that explains the version's new behaviour. */
  readonly explained: (
    entry: Entry,
    version: DeployedVersion,
    before: DeployedVersion,
  ) => string | undefined
  readonly alerts: Iterable<Alert>
}

/** A behaviour with all versions in which it waits. */
interface Row {
  readonly id: string
  readonly entry: Entry
  readonly first: Micros
  readonly members: readonly Waiting[]
}

const samplesShown = 5

/** Everything that waits for a decision, one card for each cause; the gravest first. */
export function reviewPage(
  world: ReviewWorld,
  { q, repository, card, offset, limit }: ReviewQuery,
): Omit<ReviewPage, 'versions'> {
  const repositories: Record<string, number> = {}
  const found: ReviewGroup[] = []
  const text = q?.toLowerCase()
  for (const group of groupsOf(world.versions, world.predecessorOf)) {
    if (text !== undefined && !mentions(group, text)) continue
    if (card !== undefined && contentId(group) !== card) continue
    repositories[group.repository] = (repositories[group.repository] ?? 0) + 1
    if (repository === undefined || group.repository === repository) found.push(group)
  }
  const shown = gravestFirst(found).slice(offset, offset + limit)
  const alerts = openAlerts(world.alerts)
  return {
    total: found.length,
    offset,
    cards: shown.map((group) => cardView(group, world, alerts)),
    behaviours: found.reduce((sum, { members }) => sum + countOf(members), 0),
    repositories,
  }
}

/** Errors: CARD_UNKNOWN. */
export function cardBehaviours(
  world: Omit<ReviewWorld, 'alerts'>,
  { card, offset, limit }: CardQuery,
): CardBehaviourPage {
  const group = groupsOf(world.versions, world.predecessorOf).find(
    (each) => publicKey(each) === card,
  )
  if (group === undefined) throw new SnugError('CARD_UNKNOWN', `no card has the key \`${card}\``)
  const rows = rowsOf(group)
  const shown = rows.slice(offset, offset + limit)
  return { total: rows.length, offset, rows: shown.map((row) => rowView(row, world)) }
}

function countOf(members: readonly Waiting[]): number {
  return new Set(members.map(({ entry }) => entry.id)).size
}

function gravestFirst(groups: readonly ReviewGroup[]): readonly ReviewGroup[] {
  return groups
    .map((group) => {
      const [first] = group.members
      const [actor, line] =
        first === undefined
          ? ['', '']
          : [actorText(first.entry.actor), objectLine(first.entry.object)]
      return { group, order: [group.guarded ? '0' : '1', group.repository, actor, line, group.key] }
    })
    .sort((a, b) => compareLists(a.order, b.order))
    .map(({ group }) => group)
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [i, text] of a.entries()) {
    const other = b[i] ?? ''
    if (text !== other) return text < other ? -1 : 1
  }
  return 0
}

/** In the order in which they were seen first. */
function rowsOf({ members }: ReviewGroup): readonly Row[] {
  const byId = new Map<string, Waiting[]>()
  for (const member of members) {
    const known = byId.get(member.entry.id)
    if (known === undefined) byId.set(member.entry.id, [member])
    else known.push(member)
  }
  const rows: Row[] = []
  for (const [id, some] of byId) {
    const [member] = some
    if (member === undefined) continue
    let first = Infinity
    for (const cell of cellsOf(some)) first = Math.min(first, cell.first)
    rows.push({ id, entry: member.entry, first, members: some })
  }
  return rows.sort((a, b) => a.first - b.first || (a.id < b.id ? -1 : 1))
}

function* cellsOf(members: readonly Waiting[]): Iterable<Cell> {
  for (const { entry } of members) yield* entry.allCells()
}

/** The id of an alert, by image and behaviour. */
function openAlerts(alerts: Iterable<Alert>): ReadonlyMap<string, readonly string[]> {
  const byBehaviour = new Map<string, string[]>()
  for (const { id, behaviour, samples = [], image, decision } of alerts) {
    if (behaviour === null || image === undefined || decision !== undefined) continue
    for (const shown of new Set([behaviour, ...samples].map((each) => each.id))) {
      const key = `${image.repository} ${shown}`
      const ids = byBehaviour.get(key)
      if (ids === undefined) byBehaviour.set(key, [id])
      else ids.push(id)
    }
  }
  return byBehaviour
}

function cardView(
  group: ReviewGroup,
  world: ReviewWorld,
  alerts: ReadonlyMap<string, readonly string[]>,
): ReviewCard {
  const { repository, grouping, members } = group
  const rows = rowsOf(group)
  const explained = explanationOf(members, world)
  return {
    key: publicKey(group),
    id: contentId(group),
    repository,
    grouping,
    ...titleOf(
      group,
      rows.map(({ entry }) => entry),
    ),
    kinds: union(rows.map(({ entry }) => entry.object.kind)),
    behaviours: rows.length,
    samples: rows.slice(0, samplesShown).map((row) => rowView(row, world)),
    places: placesOf(members),
    ...evidenceOf(members),
    ...whyNew(rows[0]?.members[0]),
    ...(explained === undefined ? {} : { explained }),
    alerts: union(rows.flatMap(({ id }) => alerts.get(`${repository} ${id}`) ?? [])),
  }
}

function rowView({ id, entry, members }: Row, world: Omit<ReviewWorld, 'alerts'>): CardBehaviour {
  const { containers, count, firstSeen, lastSeen, guardrails } = evidenceOf(members)
  const explained = explanationOf(members, world)
  return {
    id,
    actor: actorText(entry.actor),
    user: userText(entry.uid),
    kind: entry.object.kind,
    text: objectLine(entry.object),
    versions: members.map(({ version }) => version.key),
    containers,
    count,
    firstSeen,
    lastSeen,
    guardrails,
    ...(explained === undefined ? {} : { explained }),
  }
}

type Evidence = Pick<
  ReviewCard,
  'origins' | 'containers' | 'sessions' | 'count' | 'firstSeen' | 'lastSeen' | 'guardrails'
>

function evidenceOf(members: readonly Waiting[]): Evidence {
  const origins = new Set<string>()
  const containers = new Set<string>()
  const sessions = new Set<string>()
  const guardrails = new Set<string>()
  let [count, first, last] = [0, Infinity, -Infinity]
  for (const cell of cellsOf(members)) {
    origins.add(cell.origin)
    containers.add(cell.container)
    if (cell.session !== undefined) sessions.add(cell.session)
    for (const guardrail of cell.guardrails) guardrails.add(guardrail)
    count += cell.count
    first = Math.min(first, cell.first)
    last = Math.max(last, cell.last)
  }
  return {
    origins: union(origins),
    containers: containers.size,
    sessions: union(sessions),
    count,
    firstSeen: timeOf(first),
    lastSeen: timeOf(last),
    guardrails: union(guardrails),
  }
}

function union(values: Iterable<string>): readonly string[] {
  return [...new Set(values)].sort()
}

/** By version, oldest first. */
function placesOf(members: readonly Waiting[]): readonly CardPlace[] {
  const byVersion = new Map<DeployedVersion, Waiting[]>()
  for (const member of members) {
    const known = byVersion.get(member.version)
    if (known === undefined) byVersion.set(member.version, [member])
    else known.push(member)
  }
  return [...byVersion].map(([version, some]) => {
    const { containers, count } = evidenceOf(some)
    // A card of several states has deviations, and the delta of a version.
    const state = some.find((each) => each.state !== 'learned')?.state ?? 'learned'
    return {
      ref: version.key,
      revision: revisionOf([version]),
      tags: [...version.tags].sort(),
      state: version.life.state,
      mode: version.life.mode,
      behaviourState: state,
      behaviours: some.map(({ entry }) => entry.id),
      containers,
      count,
    }
  })
}

/** Explained in one version or of one behaviour, and not of another, is not explained. */
function explanationOf(
  members: readonly Waiting[],
  { predecessorOf, explained }: Pick<ReviewWorld, 'predecessorOf' | 'explained'>,
): string | undefined {
  let first: string | undefined
  for (const { version, entry } of members) {
    const before = predecessorOf(version)
    const text = before === undefined ? undefined : explained(entry, version, before)
    if (text === undefined) return undefined
    first ??= text
  }
  return first
}

/** As the judge would explain it now. */
function whyNew(member: Waiting | undefined): Pick<ReviewCard, 'reasons' | 'nearest'> {
  if (member === undefined) return { reasons: [] }
  const { key, actor, uid, object } = member.entry
  const [cell] = member.entry.allCells()
  const ref = { key, actor, uid, object, origin: cell?.origin ?? 'entrypoint' } as const
  const { reasons, nearest } = explain(member.before?.profile, [ref])
  return { reasons, ...(nearest === null ? {} : { nearest: nearest.text }) }
}

function timeOf(micros: number): string {
  return Number.isFinite(micros) ? isoOf(micros) : ''
}
