import { severities } from '../../core/event/alert-words.ts'
import { lineageName } from '../../core/event/image-key.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import type { Connection } from './connection.ts'
import type { KnownProfile } from './console-fleet.ts'
import type { KeptAlert } from './stream-record.ts'
import type { FleetReviewItem } from './views.ts'

/** An item of the review, with what the map of connections needs. */
export interface OpenItem {
  readonly item: FleetReviewItem
  readonly image: FleetImage
  /** Each alert of it is a deviation of low risk. */
  readonly isNovelty: boolean
  readonly connections: readonly OpenConnection[]
}

export interface OpenConnection {
  readonly connection: Connection
  readonly program: string | undefined
  /** Nodes that reported it. */
  readonly nodes: ReadonlySet<string>
}

/** Alerts of one cause of one image version that nobody has decided on. */
interface Group {
  readonly alerts: Map<string, KeptAlert>
  /** As it was made last; undefined after a change of the group. */
  made?: { readonly of: KnownProfile | undefined; readonly open: OpenItem | undefined }
}

/** Nodes that an item names. */
const nodesNamed = 5

/**
 * What waits for a decision: one item for each cause of each image version, over all nodes. An alert waits until its node
 * reports a decision on it. One whose behaviours the fleet has decided on waits no more: the agents apply that.
 */
export class ReviewGroups {
  readonly #groups = new Map<string, Group>()

  /** `name`: of the alert, for {@link remove}. */
  add(name: string, alert: KeptAlert): void {
    const key = keyOf(alert)
    if (key === undefined) return
    const group: Group = this.#groups.get(key) ?? { alerts: new Map<string, KeptAlert>() }
    group.alerts.set(name, alert)
    delete group.made
    this.#groups.set(key, group)
  }

  remove(name: string, alert: KeptAlert): void {
    const key = keyOf(alert)
    const group = key === undefined ? undefined : this.#groups.get(key)
    if (key === undefined || group === undefined) return
    group.alerts.delete(name)
    delete group.made
    if (group.alerts.size === 0) this.#groups.delete(key)
  }

  clear(): void {
    this.#groups.clear()
  }

  /** The most severe first, of these the latest. Only groups that changed, or whose profile did, are made again. */
  items(profileOf: (name: string) => KnownProfile | undefined): readonly FleetReviewItem[] {
    return this.open(profileOf)
      .map(({ item }) => item)
      .sort(
        (a, b) =>
          severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
          (a.lastSeen < b.lastSeen ? 1 : a.lastSeen > b.lastSeen ? -1 : a.key < b.key ? -1 : 1),
      )
  }

  /** All of them in no order. */
  open(profileOf: (name: string) => KnownProfile | undefined): readonly OpenItem[] {
    const items: OpenItem[] = []
    for (const [key, group] of this.#groups) {
      const [first] = group.alerts.values()
      if (first?.profile === undefined) continue
      const profile = profileOf(first.profile)
      if (group.made === undefined || group.made.of !== profile)
        group.made = { of: profile, open: openOf(key, [...group.alerts.values()], first, profile) }
      if (group.made.open !== undefined) items.push(group.made.open)
    }
    return items
  }
}

/** Undefined for an alert on which no decision is possible, or needed. */
function keyOf({ profile, decision, behaviours, cause }: KeptAlert): string | undefined {
  if (decision !== undefined || profile === undefined || behaviours.length === 0) return undefined
  return `${profile}.${cause ?? behaviours[0]}`
}

function openOf(
  key: string,
  alerts: readonly KeptAlert[],
  first: KeptAlert,
  profile: KnownProfile | undefined,
): OpenItem | undefined {
  const item = itemOf(key, alerts, first, profile)
  if (item === undefined) return undefined
  const { repository = '', digest = '', scope } = first
  return {
    item,
    image: { repository, digest, ...(scope === undefined ? {} : { scope }) },
    isNovelty: alerts.every(({ novelty }) => novelty === true),
    connections: connectionsOf(alerts, new Set(item.behaviours)),
  }
}

/** Of the behaviours that wait. */
function connectionsOf(
  alerts: readonly KeptAlert[],
  waiting: ReadonlySet<string>,
): readonly OpenConnection[] {
  const found = new Map<string, OpenConnection & { readonly nodes: Set<string> }>()
  for (const { node, actor: program, connections = [] } of alerts) {
    for (const connection of connections) {
      const { id } = connection
      if (!waiting.has(id)) continue
      const known = found.get(id)
      if (known === undefined) found.set(id, { connection, program, nodes: new Set([node]) })
      else known.nodes.add(node)
    }
  }
  return [...found.values()]
}

function itemOf(
  key: string,
  alerts: readonly KeptAlert[],
  first: KeptAlert,
  profile: KnownProfile | undefined,
): FleetReviewItem | undefined {
  let top = first
  const [behaviours, guardrails, nodes] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const sums = { names: 0, alerts: 0, count: 0, firstSeen: first.time, lastSeen: first.lastSeen }
  for (const alert of alerts) {
    if (severities.indexOf(alert.severity) >= severities.indexOf(top.severity)) top = alert
    for (const id of alert.behaviours) behaviours.add(id)
    for (const id of alert.guardrails) guardrails.add(id)
    nodes.add(alert.node)
    sums.names = Math.max(sums.names, alert.names)
    sums.alerts += 1
    sums.count += alert.count
    if (alert.time < sums.firstSeen) sums.firstSeen = alert.time
    if (alert.lastSeen > sums.lastSeen) sums.lastSeen = alert.lastSeen
  }
  const open = undecided(behaviours, guardrails.size > 0, profile)
  if (open.length === 0) return undefined
  const { repository = '', scope, digest = '' } = top
  const { names, ...rest } = sums
  return {
    key,
    ...(profile && { profile: profile.name, revision: profile.revision }),
    isGit: profile?.decision.isGit === true,
    lineage: lineageName({ repository, ...(scope === undefined ? {} : { scope }) }),
    digest,
    severity: top.severity,
    text: top.text,
    ...(top.actor === undefined ? {} : { actor: top.actor }),
    reason: top.reason,
    behaviours: open,
    unnamed: Math.max(0, names - behaviours.size),
    guardrails: [...guardrails],
    nodes: [...nodes].slice(0, nodesNamed),
    nodeCount: nodes.size,
    ...rest,
  }
}

/** Behaviours that the fleet has not decided on yet. */
function undecided(
  behaviours: ReadonlySet<string>,
  isQuarantined: boolean,
  profile: KnownProfile | undefined,
): readonly string[] {
  return [...behaviours].filter((id) => profile?.isDecided(id, isQuarantined) !== true)
}
