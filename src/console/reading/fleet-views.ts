import { doneFor } from '../../core/lifecycle/decided-spec.ts'
import { compareText } from '../../core/compare-text.ts'
import type { AgentReport } from '../../core/event/agent-report-schema.ts'
import { isSameImage, lineageName, unscoped } from '../../core/event/image-key.ts'
import type { FleetHold } from '../../api/hold-views.ts'
import { SnugError } from '../../errors.ts'
import { fleetHolds } from '../../fleet/fleet-hold.ts'
import { stateShown } from '../../core/sight/blindness.ts'
import { agentState } from './agent-state.ts'
import { blindImages } from './blind-images.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import { isOfSpec } from '../../fleet/kubernetes/spec-decision.ts'
import { allowedConnections } from './allowed-connections.ts'
import type { AlertWindow } from './alert-window.ts'
import { FleetMaps } from './fleet-map.ts'
import type { ConsoleFleet, KnownProfile } from './console-fleet.ts'
import type { KnownSlice } from './known-slices.ts'
import { mapPage, type MapQuery } from './map-page.ts'
import {
  type AgentState,
  agentStates,
  type FleetDecision,
  type FleetImageDetail,
  type FleetImageRow,
  type FleetImages,
  type FleetMap,
  type FleetNodeRow,
  type FleetNodes,
  type FleetReview,
  type FleetReviewItem,
  type FleetWindow,
} from './views.ts'
import { isFound, type WindowQuery, windowOf } from './window.ts'

export interface FleetViewsOptions {
  readonly state: ConsoleFleet
  /** Alerts in memory; absent without an engine for them. */
  readonly alerts?: AlertWindow
  /** The latest report of each node; absent where agents do not report. */
  readonly reports?: ReadonlyMap<string, AgentReport>
  readonly now?: () => number
}

/** How old a view may be: one is made at most that often, however much changes. */
const freshMs = 500

/**
 * The views of a fleet, over all nodes. Each is made from everything that is known, and kept until something changes: a
 * page is a part of it. So an answer costs what it shows, and a flood of changes costs two views a second.
 */
export class FleetViews {
  readonly #options: FleetViewsOptions
  readonly #now: () => number
  readonly #maps = new FleetMaps()
  readonly #kept = new Map<string, { readonly of: string; readonly atMs: number; value: unknown }>()

  constructor(options: FleetViewsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  images(
    query: WindowQuery & { readonly stage?: string; readonly namespace?: string },
  ): FleetImages {
    const { q, stage, namespace } = query
    const all = this.#imageRows().filter(
      ({ lineage, name, image }) =>
        isFound(q, lineage, name, image.digest) &&
        (namespace === undefined || image.scope?.split('/')[0] === namespace),
    )
    const stages: Record<string, number> = {}
    for (const row of all) stages[stageOf(row)] = (stages[stageOf(row)] ?? 0) + 1
    const rows = stage === undefined ? all : all.filter((row) => stageOf(row) === stage)
    return { ...windowOf(rows, query), stages }
  }

  /** Errors: PROFILE_UNKNOWN. */
  image(name: string): FleetImageDetail {
    const profile = this.profile(name)
    const nodes = new Map<string, { published: number; learnedAt?: string }>()
    for (const { node, entries, learnedAt } of this.#options.state.slices(name)) {
      if (node === undefined) continue
      const known = nodes.get(node) ?? { published: 0 }
      known.published += entries
      if (learnedAt !== undefined) known.learnedAt = learnedAt
      nodes.set(node, known)
    }
    const coverage = [...nodes]
      .map(([node, facts]) => ({ node, ...facts }))
      .sort((a, b) => (a.node < b.node ? -1 : 1))
    return {
      ...this.#imageRow(profile),
      coverage,
      decisions: byTime(this.#decisionsOf(profile)),
      holds: this.#holdsOf(profile),
    }
  }

  /** Holds that are not over, newest first. */
  holds(query: WindowQuery): FleetWindow<FleetHold> {
    const all = [...this.#options.state.profiles()].flatMap((each) => this.#holdsOf(each))
    const rows = all.filter(({ lineage, pod = '', container = '', by, reason, nodes }) =>
      isFound(query.q, lineage, pod, container, by, reason, ...nodes.map(({ node }) => node)),
    )
    return windowOf(
      rows.sort((a, b) => compareText(b.at, a.at) || compareText(a.id, b.id)),
      query,
    )
  }

  /** Errors: PROFILE_UNKNOWN. */
  profile(name: string): KnownProfile {
    const profile = this.#options.state.profile(name)
    if (profile !== undefined) return profile
    throw new SnugError('PROFILE_UNKNOWN', `no profile \`${name}\``)
  }

  review(query: WindowQuery & { readonly lineage?: string }): FleetReview {
    const items = this.reviewItems().filter(({ key, lineage, text, actor = '', reason }) =>
      isFound(query.q, key, lineage, text, actor, reason),
    )
    const lineages: Record<string, number> = {}
    for (const { lineage } of items) lineages[lineage] = (lineages[lineage] ?? 0) + 1
    const rows =
      query.lineage === undefined ? items : items.filter(({ lineage }) => lineage === query.lineage)
    const shown = new Set(this.reviewItems().map(({ profile }) => profile))
    const versions = this.#imageRows().filter(
      ({ state, pending, name }) => state === 'review' || (pending > 0 && !shown.has(name)),
    )
    return { ...windowOf(rows, query), versions: versions.slice(0, versionsShown), lineages }
  }

  reviewItems(): readonly FleetReviewItem[] {
    const { state, alerts } = this.#options
    return this.#made('review', () => alerts?.groups.items((name) => state.profile(name)) ?? [])
  }

  /** Who connects to whom. */
  map(query: MapQuery): FleetMap {
    const whole = this.#made('map', () => {
      const { state, alerts } = this.#options
      const versions = [...state.profiles()].map(({ name, image, createdAt, decision }) => ({
        name,
        image,
        createdAt,
        revision: state.changedAt(name),
        connections: () =>
          allowedConnections([...state.slices(name), ...state.decisions(name)], decision),
      }))
      return this.#maps.make(versions, alerts?.groups.open((name) => state.profile(name)) ?? [])
    })
    return mapPage(whole, query)
  }

  nodes(query: WindowQuery & { readonly state?: AgentState }): FleetNodes {
    const all = this.#nodeRows().filter(({ node, reasons }) => isFound(query.q, node, ...reasons))
    const rows = query.state === undefined ? all : all.filter(({ state }) => state === query.state)
    return { ...windowOf(rows, query), states: countsOf(all) }
  }

  nodeStates(): Readonly<Record<AgentState, number>> {
    return countsOf(this.#nodeRows())
  }

  decisions(query: WindowQuery): FleetWindow<FleetDecision> {
    const all = this.#made('decisions', () =>
      byTime([...this.#options.state.profiles()].flatMap((each) => this.#decisionsOf(each))),
    )
    const rows = all.filter(({ by, lineage, subject = '', what, node = '' }) =>
      isFound(query.q, by, lineage, subject, what, node),
    )
    return windowOf(rows, query)
  }

  imageCount(): number {
    return this.#imageRows().length
  }

  openAlerts(): number {
    return this.#options.alerts?.open ?? 0
  }

  #imageRows(): readonly FleetImageRow[] {
    const make = (): readonly FleetImageRow[] =>
      [...this.#options.state.profiles()]
        .map((profile) => this.#imageRow(profile))
        .sort(
          (a, b) =>
            compareText(a.lineage, b.lineage) ||
            compareText(b.createdAt, a.createdAt) ||
            compareText(a.name, b.name),
        )
    return this.#made('images', make, JSON.stringify([...this.#blind()]))
  }

  #blind(): ReturnType<typeof blindImages> {
    return this.#made('blind', () =>
      blindImages(this.#options.reports?.values() ?? [], this.#now()),
    )
  }

  #imageRow(profile: KnownProfile): FleetImageRow {
    const { name, image, createdAt, status, decision, revision, mode: decided } = profile
    const nodes = new Set<string>()
    const learned = new Set<string>()
    for (const { node, learnedAt } of this.#options.state.slices(name)) {
      if (node === undefined) continue
      nodes.add(node)
      if (learnedAt !== undefined) learned.add(node)
    }
    const mode = status?.mode ?? 'learn'
    const blind = this.#blind().get(name)
    return {
      name,
      image,
      lineage: lineageName(image),
      // The node that wrote the status need not be the one with the blind containers.
      state: stateShown(status?.state ?? 'learning', blind !== undefined),
      mode,
      ...(decided === undefined || decided.mode === mode ? {} : { decided: decided.mode }),
      authority: decision.isGit ? 'git' : 'operator',
      behaviours: status?.behaviours ?? 0,
      pending: (status === undefined ? 0 : status.pending) ?? this.#waiting().get(name) ?? 0,
      nodes: nodes.size,
      learned: learned.size,
      ...(blind === undefined ? {} : { blind }),
      openAlerts: this.#options.alerts?.openByProfile.get(name) ?? 0,
      createdAt,
      because: status?.conditions?.[0]?.message ?? '',
      revision,
    }
  }

  #nodeRows(): readonly FleetNodeRow[] {
    return this.#made('nodes', () => {
      const { state, reports, alerts } = this.#options
      const agents = new Map([...(state.agents?.() ?? [])].map((agent) => [agent.node, agent]))
      const names = new Set([...state.nodes()].flatMap(({ name, linux }) => (linux ? [name] : [])))
      for (const name of [...agents.keys(), ...(reports?.keys() ?? [])]) names.add(name)
      const rows = [...names].map((node): FleetNodeRow => {
        const report = reports?.get(node)
        const facts = {
          agent: state.agents === undefined ? null : agents.get(node),
          report,
          reports: reports !== undefined,
        }
        const published = state.published(node)
        const counts = alerts?.byNode.get(node)
        return {
          node,
          ...agentState(facts, this.#now()),
          ...(report === undefined
            ? {}
            : {
                version: report.version,
                reportedAt: report.time,
                containers: report.containers,
                ...(report.blindContainers === undefined
                  ? {}
                  : { blindContainers: report.blindContainers }),
              }),
          ...(counts === undefined ? {} : { lastAlertAt: counts.last }),
          openAlerts: counts?.open ?? 0,
          ...published,
        }
      })
      return rows.sort(
        (a, b) =>
          agentStates.indexOf(a.state) - agentStates.indexOf(b.state) ||
          compareText(a.node, b.node),
      )
    })
  }

  #decisionsOf(profile: KnownProfile): readonly FleetDecision[] {
    const { name, image, decision } = profile
    const of = { profile: name, lineage: lineageName(image) }
    const texts = new Map<string, string>()
    const onNodes: FleetDecision[] = []
    const { state } = this.#options
    for (const slice of [...state.slices(name), ...state.decisions(name)])
      onNodes.push(...ofSlice(slice, of, texts))
    const { mode, approveAll, decisions } = decision
    const listed = decisions.map(
      ({ behaviour: id, action: what, by, at, reason }): FleetDecision => {
        const subject = texts.get(id)
        return {
          at,
          by,
          what,
          ...of,
          id,
          ...(subject === undefined ? {} : { subject }),
          ...(reason === undefined ? {} : { reason }),
        }
      },
    )
    return [
      ...(mode === undefined
        ? []
        : [{ at: mode.at, by: mode.by, what: 'mode' as const, ...of, subject: mode.mode }]),
      ...(approveAll === undefined
        ? []
        : [{ at: approveAll.at, by: approveAll.by, what: 'approve all' as const, ...of }]),
      ...listed,
      ...onNodes,
    ]
  }

  #holdsOf(profile: KnownProfile): FleetHold[] {
    const { name, image } = profile
    return fleetHolds(profile, () => this.#slicesOf(name, image), this.#now())
  }

  /** Where a profile is for all scopes, nodes publish for those of single ones. */
  #slicesOf(name: string, image: FleetImage): readonly KnownSlice[] {
    const { state } = this.#options
    if (image.scope !== undefined) return [...state.slices(name)]
    return [...state.profiles()]
      .filter((each) => isSameImage(unscoped(each.image), image))
      .flatMap((each) => [...state.slices(each.name)])
  }

  /** By profile: behaviours in the review. */
  #waiting(): ReadonlyMap<string, number> {
    return this.#made('waiting', () => {
      const counts = new Map<string, number>()
      for (const { profile, behaviours, unnamed } of this.reviewItems()) {
        if (profile === undefined) continue
        counts.set(profile, (counts.get(profile) ?? 0) + behaviours.length + unnamed)
      }
      return counts
    })
  }

  /**
   * The value as it was made last, if nothing changed since then, or only a moment ago.
   *
   * @param more what else it was made of
   */
  #made<T>(name: string, make: () => T, more = ''): T {
    const { state, alerts, reports } = this.#options
    const now = this.#now()
    const isOfReports = reports !== undefined && (name === 'nodes' || name === 'blind')
    const moment = isOfReports ? Math.floor(now / freshMs) : 0
    const of = `${state.revision} ${alerts?.revision ?? 0} ${moment} ${more}`
    const kept = this.#kept.get(name)
    if (kept !== undefined && (kept.of === of || Math.abs(now - kept.atMs) < freshMs))
      return kept.value as T
    const value = make()
    this.#kept.set(name, { of, atMs: now, value })
    return value
  }
}

/** Whole versions that wait for a decision: more of them are in the list of images. */
const versionsShown = 100

function ofSlice(
  { node, decided, mode }: KnownSlice,
  of: Pick<FleetDecision, 'profile' | 'lineage'>,
  texts: Map<string, string>,
): readonly FleetDecision[] {
  const where = node === undefined ? {} : { node }
  const entries = decided.flatMap(({ id, text, decision: { kind, by, at, reason } }) => {
    texts.set(id, text)
    if (isOfSpec(by)) return []
    const why = reason === undefined ? {} : { reason }
    return [{ at, by, what: doneFor[kind], ...of, id, subject: text, ...where, ...why }]
  })
  if (mode === undefined || isOfSpec(mode.by)) return entries
  const why = mode.reason === undefined ? {} : { reason: mode.reason }
  const { at, by } = mode
  return [...entries, { at, by, what: 'mode', ...of, subject: mode.mode, ...where, ...why }]
}

/** The response to a deviation, which says more of an enforced version than its state. */
function stageOf({ state, mode }: FleetImageRow): string {
  return state === 'enforced' ? mode : state
}

function countsOf(rows: readonly FleetNodeRow[]): Readonly<Record<AgentState, number>> {
  const counts = Object.fromEntries(agentStates.map((state) => [state, 0])) as Record<
    AgentState,
    number
  >
  for (const { state } of rows) counts[state] += 1
  return counts
}

function byTime(decisions: readonly FleetDecision[]): readonly FleetDecision[] {
  return [...decisions].sort((a, b) => compareText(b.at, a.at) || compareText(a.profile, b.profile))
}
