import { lineageName } from '../../core/event/image-key.ts'
import { SnugError } from '../../errors.ts'
import { isoOf, type Micros } from '../../core/event/time.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { lookedAtOnce, sorted, type Steps } from '../../core/steps.ts'
import { userText } from '../../core/behaviour/user.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type {
  CardBehaviour,
  CardBehaviourPage,
  CardPlace,
  CardQuery,
  ReviewCard,
  ReviewPage,
  ReviewQuery,
} from '../../api/review-cards.ts'
import { titleOf } from './card-text.ts'
import type { ListedCards } from './listed-cards.ts'
import {
  contentId,
  groupsOf,
  mentions,
  type PredecessorOf,
  publicKey,
  type ReviewGroup,
} from './review-groups.ts'
import { type Seen, seenOf, type Waiting, whyNew } from './waiting.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'

export interface ReviewWorld {
  readonly versions: Iterable<DeployedVersion>
  readonly predecessorOf: PredecessorOf
  readonly scopesExpecting: (
    version: DeployedVersion,
    ids: readonly BehaviourId[],
  ) => readonly string[]
  /** The change in its image that explains the version's new behaviour. */
  readonly explained: (waiting: Waiting, before: DeployedVersion) => string | undefined
  readonly alerts: readonly KeptAlert[]
  /** Of which the page reads earlier cards, and to which it adds the cards that it shows. */
  readonly listed: ListedCards
}

interface Card {
  readonly key: string
  readonly id: string
  readonly group: ReviewGroup
}

/** A behaviour with all versions in which it waits. */
interface Row {
  readonly id: string
  readonly one: Waiting
  readonly first: Micros
  readonly members: readonly Waiting[]
}

const samplesShown = 5

/**
 * Everything that waits for a decision, one card for each cause; the gravest first. Errors: CARD_DECIDED where `card` is
 * the id of an earlier card of which nothing waits.
 */
export function* reviewPage(
  world: ReviewWorld,
  { q, repository, card, offset, limit }: ReviewQuery,
): Steps<Omit<ReviewPage, 'versions'>> {
  const repositories: Record<string, number> = {}
  const found: ReviewGroup[] = []
  const text = q?.toLowerCase()
  const groups = yield* groupsOf(world.versions, world.predecessorOf)
  const named = card === undefined ? undefined : yield* cardOf(card, groups, world)
  for (const group of card === undefined ? groups : named === undefined ? [] : [named.group]) {
    if (text !== undefined && !(yield* mentions(group, text))) continue
    repositories[group.repository] = (repositories[group.repository] ?? 0) + 1
    if (repository === undefined || group.repository === repository) found.push(group)
  }
  const shown = (yield* gravestFirst(found)).slice(offset, offset + limit)
  const alerts = yield* openAlerts(world.alerts, yield* idsOf(shown))
  const cards: ReviewCard[] = []
  for (const group of shown) {
    const { key, id } = named ?? { key: publicKey(group), id: yield* contentId(group) }
    cards.push(yield* cardView({ key, id, group }, world, alerts))
    if (key !== id) yield* world.listed.remember(id, group)
  }
  let behaviours = 0
  for (const { members } of found) {
    behaviours += countOf(members)
    yield
  }
  return { total: found.length, offset, cards, behaviours, repositories }
}

/**
 * The card with this id as it is now, or what still waits of an earlier card. The key of an earlier card is its id: its
 * behaviours may be on other cards by now. Errors: CARD_DECIDED.
 */
function* cardOf(
  id: string,
  groups: readonly ReviewGroup[],
  { listed, versions }: Pick<ReviewWorld, 'listed' | 'versions'>,
): Steps<Card | undefined> {
  for (const group of groups) {
    if ((yield* contentId(group)) === id) return { key: publicKey(group), id, group }
  }
  if (!listed.has(id)) return undefined
  const group = yield* listed.stillWaiting(id, groups)
  if (group !== undefined) return { key: id, id, group }
  const outcome = yield* listed.outcome(id, versions)
  throw new SnugError('CARD_DECIDED', `nothing of card \`${id}\` waits any more: ${outcome}`)
}

/** Errors: CARD_UNKNOWN, CARD_DECIDED. */
export function* cardBehaviours(
  world: Omit<ReviewWorld, 'alerts'>,
  { card, offset, limit }: CardQuery,
): Steps<CardBehaviourPage> {
  const groups = yield* groupsOf(world.versions, world.predecessorOf)
  const current = groups.find((each) => publicKey(each) === card)
  const group = current ?? (yield* cardOf(card, groups, world))?.group
  if (group === undefined) throw new SnugError('CARD_UNKNOWN', `no card has the key \`${card}\``)
  const all = yield* rowsOf(group)
  const rows = yield* rowViews(all.slice(offset, offset + limit), world)
  return { total: all.length, offset, rows }
}

function countOf(members: readonly Waiting[]): number {
  return new Set(members.map(({ id }) => id)).size
}

function* gravestFirst(groups: readonly ReviewGroup[]): Steps<readonly ReviewGroup[]> {
  const ordered: { readonly group: ReviewGroup; readonly order: readonly string[] }[] = []
  for (const group of groups) {
    yield
    const [first] = group.members
    const [actor, line] =
      first === undefined ? ['', ''] : [actorText(first.actor), objectLine(first.object)]
    const order = [group.guarded ? '0' : '1', group.repository, actor, line, group.key]
    ordered.push({ group, order })
  }
  const inOrder = yield* sorted(ordered, (a, b) => compareLists(a.order, b.order))
  return inOrder.map(({ group }) => group)
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [i, text] of a.entries()) {
    const other = b[i] ?? ''
    if (text !== other) return text < other ? -1 : 1
  }
  return 0
}

/** In the order in which they were seen first. */
function* rowsOf({ members }: ReviewGroup): Steps<readonly Row[]> {
  const byId = new Map<string, Waiting[]>()
  for (const member of members) {
    yield
    const known = byId.get(member.id)
    if (known === undefined) byId.set(member.id, [member])
    else known.push(member)
  }
  const rows: Row[] = []
  for (const [id, some] of byId) {
    const [one] = some
    if (one === undefined) continue
    let first = Infinity
    for (const member of some) {
      yield
      first = Math.min(first, seenOf(member).first)
    }
    rows.push({ id, one, first, members: some })
  }
  return yield* sorted(rows, (a, b) => a.first - b.first || (a.id < b.id ? -1 : 1))
}

function* idsOf(groups: readonly ReviewGroup[]): Steps<ReadonlySet<string>> {
  const ids = new Set<string>()
  for (const { members } of groups) {
    for (const { id } of members) ids.add(id)
    yield
  }
  return ids
}

/** The ids of the open alerts about these behaviours, by image and behaviour. */
function* openAlerts(
  alerts: readonly KeptAlert[],
  wanted: ReadonlySet<string>,
): Steps<ReadonlyMap<string, readonly string[]>> {
  const byBehaviour = new Map<string, string[]>()
  const isWanted = (id: string): boolean => wanted.has(id)
  for (const [at, { id, behaviourId, sampleIds, image, decision }] of alerts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (behaviourId === undefined || image === undefined || decision !== undefined) continue
    if (!isWanted(behaviourId) && !sampleIds.some(isWanted)) continue
    for (const shown of new Set([behaviourId, ...sampleIds].filter(isWanted))) {
      const key = `${lineageName(image)} ${shown}`
      const ids = byBehaviour.get(key)
      if (ids === undefined) byBehaviour.set(key, [id])
      else ids.push(id)
    }
  }
  return byBehaviour
}

function* cardView(
  { key, id, group }: Card,
  world: ReviewWorld,
  alerts: ReadonlyMap<string, readonly string[]>,
): Steps<ReviewCard> {
  const { repository, grouping, members } = group
  const rows = yield* rowsOf(group)
  const explained = yield* explanationOf(members, world)
  return {
    key,
    id,
    repository,
    grouping,
    ...titleOf(
      group,
      rows.map(({ one }) => one),
      (start) => {
        const before = world.predecessorOf(start.version)
        return before !== undefined && world.explained(start, before) !== undefined
      },
    ),
    kinds: union(rows.map(({ one }) => one.object.kind)),
    behaviours: rows.length,
    samples: yield* rowViews(rows.slice(0, samplesShown), world),
    places: yield* placesOf(members),
    ...(yield* evidenceOf(members)),
    ...(rows[0] === undefined ? { reasons: [] } : whyNew(rows[0].one)),
    ...elsewhereOf(members, world),
    ...(explained === undefined ? {} : { explained }),
    alerts: union(rows.flatMap(({ id }) => alerts.get(`${repository} ${id}`) ?? [])),
  }
}

/** Versions of a card are of one lineage, and the newest is what a decision is about. */
function elsewhereOf(
  members: readonly Waiting[],
  { scopesExpecting }: ReviewWorld,
): Pick<ReviewCard, 'elsewhere'> {
  const version = members.at(-1)?.version
  if (version?.image.scope === undefined) return {}
  const ids = members.filter((each) => each.version === version).map(({ id }) => id)
  const scopes = scopesExpecting(version, ids)
  return scopes.length === 0 ? {} : { elsewhere: scopes }
}

function* rowViews(
  rows: readonly Row[],
  world: Omit<ReviewWorld, 'alerts'>,
): Steps<readonly CardBehaviour[]> {
  const views: CardBehaviour[] = []
  for (const row of rows) views.push(yield* rowView(row, world))
  return views
}

function* rowView(
  { id, one, members }: Row,
  world: Omit<ReviewWorld, 'alerts'>,
): Steps<CardBehaviour> {
  const { containers, count, firstSeen, lastSeen, guardrails } = yield* evidenceOf(members)
  const explained = yield* explanationOf(members, world)
  return {
    id,
    actor: actorText(one.actor),
    user: userText(one.uid),
    kind: one.object.kind,
    text: objectLine(one.object),
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

function* evidenceOf(members: readonly Waiting[]): Steps<Evidence> {
  const all: Seen[] = []
  let [count, first, last] = [0, Infinity, -Infinity]
  for (const member of members) {
    yield
    const seen = seenOf(member)
    all.push(seen)
    count += seen.count
    first = Math.min(first, seen.first)
    last = Math.max(last, seen.last)
  }
  return {
    origins: union(all.flatMap(({ origins }) => origins)),
    containers: new Set(all.flatMap(({ containers }) => containers)).size,
    sessions: union(all.flatMap(({ sessions }) => sessions)),
    count,
    firstSeen: timeOf(first),
    lastSeen: timeOf(last),
    guardrails: union(all.flatMap(({ guardrails }) => guardrails)),
  }
}

function union(values: Iterable<string>): readonly string[] {
  return [...new Set(values)].sort()
}

/** By version, oldest first. */
function* placesOf(members: readonly Waiting[]): Steps<readonly CardPlace[]> {
  const byVersion = new Map<DeployedVersion, Waiting[]>()
  for (const member of members) {
    const known = byVersion.get(member.version)
    if (known === undefined) byVersion.set(member.version, [member])
    else known.push(member)
  }
  const places: CardPlace[] = []
  for (const [version, some] of byVersion) {
    const { containers, count } = yield* evidenceOf(some)
    // A card of several states has deviations, and the delta of a version.
    const state = some.find((each) => each.state !== 'learned')?.state ?? 'learned'
    places.push({
      ref: version.key,
      revision: some[0]?.revision ?? '',
      tags: [...version.tags].sort(),
      state: version.shownState,
      mode: version.life.mode,
      behaviourState: state,
      behaviours: some.map(({ id }) => id),
      containers,
      count,
    })
  }
  return places
}

/** Explained in one version or of one behaviour, and not of another, is not explained. */
function* explanationOf(
  members: readonly Waiting[],
  { predecessorOf, explained }: Pick<ReviewWorld, 'predecessorOf' | 'explained'>,
): Steps<string | undefined> {
  let first: string | undefined
  for (const member of members) {
    yield
    const before = predecessorOf(member.version)
    const text = before === undefined ? undefined : explained(member, before)
    if (text === undefined) return undefined
    first ??= text
  }
  return first
}

function timeOf(micros: number): string {
  return Number.isFinite(micros) ? isoOf(micros) : ''
}
