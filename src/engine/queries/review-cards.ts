import type { Alert } from '../../core/event/alert.ts'
import { isoOf } from '../../core/event/time.ts'
import { explain } from '../../core/match/nearest.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import { userText } from '../../core/behaviour/user.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import type { ShownState } from '../api/engine-views.ts'
import { revisionOf } from '../live/revision.ts'
import { isOpen } from './profile-graph.ts'
import type { CardPlace, ReviewCard, ReviewPage, ReviewQuery } from '../api/page-views.ts'

type Entry = Readonly<LiveEntry>

export interface ReviewWorld {
  readonly versions: Iterable<DeployedVersion>
  readonly predecessorOf: (version: DeployedVersion) => DeployedVersion | undefined
  /** The change in its image that explains the version's new behaviour. */
  readonly explained: (
    entry: Entry,
    version: DeployedVersion,
    before: DeployedVersion,
  ) => string | undefined
  readonly alerts: Iterable<Alert>
}

interface Place {
  readonly version: DeployedVersion
  readonly entry: Entry
  readonly state: ShownState
  /** The preceding version, whose profile lacks it. */
  readonly before: DeployedVersion | undefined
}

interface Card {
  readonly key: string
  readonly repository: string
  readonly actor: string
  readonly text: string
  readonly guarded: boolean
  readonly places: Place[]
}

/** Everything that waits for a decision, one card for each behaviour of an image; the gravest first. */
export function reviewPage(
  world: ReviewWorld,
  { q, repository, offset, limit }: ReviewQuery,
): Omit<ReviewPage, 'versions'> {
  const repositories: Record<string, number> = {}
  const cards: Card[] = []
  const text = q?.toLowerCase()
  for (const card of cardsOf(world)) {
    if (text !== undefined && !`${card.actor} ${card.text}`.toLowerCase().includes(text)) continue
    repositories[card.repository] = (repositories[card.repository] ?? 0) + 1
    if (repository === undefined || card.repository === repository) cards.push(card)
  }
  cards.sort(gravestFirst)
  const alerts = openAlerts(world.alerts)
  const shown = cards.slice(offset, offset + limit).map((card) => cardView(card, world, alerts))
  return { total: cards.length, offset, cards: shown, repositories }
}

function cardsOf(world: ReviewWorld): Iterable<Card> {
  const cards = new Map<string, Card>()
  for (const version of world.versions) {
    const before = world.predecessorOf(version)
    const { repository } = version.image
    for (const entry of version.profile.outline()) {
      const { state } = entry
      const isNews = before !== undefined && isDelta(entry, version, before)
      if (!isOpen(state) && !isNews) continue
      const key = `${repository} ${entry.id}`
      const place = { version, entry, state, before: isOpen(state) ? version : before }
      const known = cards.get(key)
      if (known !== undefined) {
        known.places.push(place)
        continue
      }
      const [actor, text] = [actorText(entry.actor), objectLine(entry.object)]
      const guarded = state === 'quarantined'
      cards.set(key, { key, repository, actor, text, guarded, places: [place] })
    }
  }
  return cards.values()
}

/** A new version learned it, and its predecessor does not have it: nobody has reviewed it yet. */
function isDelta(entry: Entry, { life }: DeployedVersion, before: DeployedVersion): boolean {
  if (life.state === 'enforced' || entry.state !== 'learned') return false
  return entry.inherited === undefined && !before.profile.has(entry.id)
}

function gravestFirst(a: Card, b: Card): number {
  if (a.guarded !== b.guarded) return a.guarded ? -1 : 1
  for (const member of ['repository', 'actor', 'text', 'key'] as const) {
    if (a[member] !== b[member]) return a[member] < b[member] ? -1 : 1
  }
  return 0
}

function openAlerts(alerts: Iterable<Alert>): ReadonlyMap<string, readonly string[]> {
  const byCard = new Map<string, string[]>()
  for (const { id, behaviour, image, decision } of alerts) {
    if (behaviour === null || image === undefined || decision !== undefined) continue
    const key = `${image.repository} ${behaviour.id}`
    const ids = byCard.get(key)
    if (ids === undefined) byCard.set(key, [id])
    else ids.push(id)
  }
  return byCard
}

function cardView(
  { key, repository, actor, text, places }: Card,
  world: ReviewWorld,
  alerts: ReadonlyMap<string, readonly string[]>,
): ReviewCard {
  const cells = places.flatMap(({ entry }) => [...entry.allCells()])
  const union = (values: readonly (string | undefined)[]): readonly string[] =>
    [...new Set(values.filter((value) => value !== undefined))].sort()
  const explanations = places.map((place) => explainedBy(place, world))
  // Explained for one version and not for another is not explained.
  const explained = explanations.includes(undefined) ? undefined : explanations[0]
  const [first] = places
  const entry = first?.entry
  return {
    key,
    repository,
    behaviour: entry?.id ?? '',
    actor,
    user: userText(entry?.uid ?? 0),
    kind: entry?.object.kind ?? '',
    text,
    places: places.map(placeView),
    origins: union(cells.map(({ origin }) => origin)),
    containers: union(cells.map(({ container }) => container)).length,
    sessions: union(cells.map(({ session }) => session)),
    count: cells.reduce((sum, { count }) => sum + count, 0),
    firstSeen: timeOf(Math.min(...cells.map((cell) => cell.first))),
    lastSeen: timeOf(Math.max(...cells.map((cell) => cell.last))),
    guardrails: union(cells.flatMap(({ guardrails }) => guardrails)),
    ...(first === undefined ? { reasons: [] } : whyNew(first)),
    ...(explained === undefined ? {} : { explained }),
    alerts: alerts.get(key) ?? [],
  }
}

function placeView({ version, entry, state }: Place): CardPlace {
  const cells = [...entry.allCells()]
  return {
    ref: version.key,
    revision: revisionOf([version]),
    tags: [...version.tags].sort(),
    state: version.life.state,
    mode: version.life.mode,
    behaviourState: state,
    containers: new Set(cells.map(({ container }) => container)).size,
    count: cells.reduce((sum, { count }) => sum + count, 0),
  }
}

function explainedBy({ version, entry }: Place, world: ReviewWorld): string | undefined {
  const before = world.predecessorOf(version)
  return before === undefined ? undefined : world.explained(entry, version, before)
}

/** As the judge would explain it now. */
function whyNew({ entry, before }: Place): Pick<ReviewCard, 'reasons' | 'nearest'> {
  const { key, actor, uid, object } = entry
  const [cell] = entry.allCells()
  const ref = { key, actor, uid, object, origin: cell?.origin ?? 'entrypoint' } as const
  const { reasons, nearest } = explain(before?.profile, [ref])
  return { reasons, ...(nearest === null ? {} : { nearest: nearest.text }) }
}

function timeOf(micros: number): string {
  return Number.isFinite(micros) ? isoOf(micros) : ''
}
