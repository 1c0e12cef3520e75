import { type Severity, severities } from '../event/alert-words.ts'
import { lookedAtOnce, sorted, type Steps } from '../steps.ts'
import type { IncidentFact } from './incident-fact.ts'
import { IncidentLinks, type LinkKind } from './incident-links.ts'
import { NearestFacts } from './nearest-facts.ts'

/** The time around an event in which others of its container belong to it. */
export const nearMs = 30 * 60_000
/** One campaign goes on to the next container within this time. Later it is another one, which follows it. */
export const campaignMs = 60 * 60_000
/** A process and its children belong together for this time: then a new process may have got the pid. */
export const treeMs = 6 * 60 * 60_000

/** Alerts that hang together. */
export interface Incident {
  /** Of the alert that was raised first: it stays when others join. */
  readonly id: string
  readonly severity: Severity
  /** Gravest first, and then earliest first. */
  readonly members: readonly IncidentMember[]
  /** Id of the latest earlier incident with the same grave behaviour in the same image. */
  readonly follows?: string
}

export interface IncidentMember {
  readonly fact: IncidentFact
  /** Absent of the alert that the incident is named after. */
  readonly link?: { readonly kind: LinkKind; readonly other: string }
}

export interface Incidents {
  /** Gravest first, and then latest first. */
  readonly incidents: readonly Incident[]
  /** Alerts in no incident: novelty, and losses without a grave alert nearby. */
  readonly outside: readonly IncidentFact[]
}

/**
 * The incidents of these alerts, which do not depend on their order. Every alert above `low` with an event of a container
 * is in exactly one.
 *
 * INVARIANT: two groups with a grave alert are joined only by a session, a process tree, a grave alert of each, or a
 * destination that both reached. What is ordinary joins one group at most.
 */
export function* incidentsOf(all: Iterable<IncidentFact>): Steps<Incidents> {
  const facts = yield* sorted([...all], byTime)
  const links = new IncidentLinks(facts)
  const trees = new Set(facts.flatMap(startedTree))
  yield* joinProcesses(facts, links, trees)
  const again = yield* joinGrave(facts, links)
  yield* joinDestinations(facts, links)
  yield* joinNotable(facts, links)
  yield* joinOthers(facts, links, trees)
  return yield* groupsOf(facts, links, again)
}

function byTime(a: IncidentFact, b: IncidentFact): number {
  return a.atMs - b.atMs || (a.id < b.id ? -1 : 1)
}

function isSeed({ role }: IncidentFact): boolean {
  return role === 'grave' || role === 'notable'
}

function startedTree(fact: IncidentFact): readonly string[] {
  return isSeed(fact) && fact.starts && fact.pid !== undefined ? [treeOf(fact, fact.pid)] : []
}

function treeOf({ container }: IncidentFact, pid: number): string {
  return `${container}/${pid}`
}

/** Its process and its parent, as far as an alert is about their start: a process of the service has no tree. */
function treesOf(fact: IncidentFact, trees: ReadonlySet<string>): readonly string[] {
  const pids = [fact.pid, fact.ppid].filter((pid) => pid !== undefined)
  return pids.map((pid) => treeOf(fact, pid)).filter((tree) => trees.has(tree))
}

function sessionOf({ container, session }: IncidentFact): string | undefined {
  return session === undefined ? undefined : `${container}/${session}`
}

/** Joins each fact to the one before it that has the same key, unless too much time is between them. */
class Chain {
  readonly #facts: readonly IncidentFact[]
  readonly #links: IncidentLinks
  readonly #kind: LinkKind
  readonly #withinMs: number
  readonly #last = new Map<string, number>()

  constructor(
    facts: readonly IncidentFact[],
    links: IncidentLinks,
    kind: LinkKind,
    withinMs = Infinity,
  ) {
    this.#facts = facts
    this.#links = links
    this.#kind = kind
    this.#withinMs = withinMs
  }

  /** Returns the one before it where it is too early. */
  add(key: string | undefined, at: number): number | undefined {
    if (key === undefined) return undefined
    const before = this.#last.get(key)
    this.#last.set(key, at)
    if (before === undefined) return undefined
    if (timeBetween(this.#facts, before, at) > this.#withinMs) return before
    this.#links.join(at, before, this.#kind)
    return undefined
  }
}

function timeBetween(facts: readonly IncidentFact[], a: number, b: number): number {
  return Math.abs((facts[a]?.atMs ?? 0) - (facts[b]?.atMs ?? 0))
}

function* joinProcesses(
  facts: readonly IncidentFact[],
  links: IncidentLinks,
  trees: ReadonlySet<string>,
): Steps<void> {
  const sessions = new Chain(facts, links, 'session')
  const processes = new Chain(facts, links, 'process-tree', treeMs)
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (!isSeed(fact)) continue
    sessions.add(sessionOf(fact), at)
    for (const tree of treesOf(fact, trees)) processes.add(tree, at)
  }
}

/** Returns pairs of a later and an earlier alert of one behaviour in one image that are too far apart to be one. */
function* joinGrave(
  facts: readonly IncidentFact[],
  links: IncidentLinks,
): Steps<readonly (readonly [number, number])[]> {
  const containers = new Chain(facts, links, 'container', nearMs)
  const replicas = new Chain(facts, links, 'replica', campaignMs)
  const again: [number, number][] = []
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (fact.role !== 'grave') continue
    containers.add(fact.container, at)
    const before = replicas.add(fact.act, at)
    if (before !== undefined) again.push([at, before])
  }
  return again
}

/** A destination of an alert that is near in time only may be ordinary: it connects nothing. */
function* joinDestinations(facts: readonly IncidentFact[], links: IncidentLinks): Steps<void> {
  const reached: number[] = []
  for (const [at, { destination, role }] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    const counts = role !== 'novelty' && links.isGrave(at)
    if (destination !== undefined && counts) reached.push(at)
  }
  const destinations = new Chain(facts, links, 'destination', campaignMs)
  for (const at of reached) destinations.add(facts[at]?.destination, at)
}

/**
 * What is not grave joins the nearest grave alert of its container. What is farther from one joins as a row of alerts,
 * each near the next. Both connect no two grave ones.
 */
function* joinNotable(facts: readonly IncidentFact[], links: IncidentLinks): Steps<void> {
  yield* attach(facts, links, graveByContainer(facts))
  const rows = new Chain(facts, links, 'container', nearMs)
  const grave = new NearestFacts(facts)
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (!isSeed(fact)) continue
    if (links.isGrave(at)) grave.add(fact.container, at)
    else rows.add(fact.container, at)
  }
  yield* attach(facts, links, grave)
  const replicas = new Chain(facts, links, 'replica', campaignMs)
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (fact.role === 'notable' && !links.isGrave(at)) replicas.add(fact.act, at)
  }
}

/** Joins each group without a grave alert to one of `targets`: the nearest one. */
function* attach(
  facts: readonly IncidentFact[],
  links: IncidentLinks,
  targets: NearestFacts,
): Steps<void> {
  const nearest = new Map<number, { readonly at: number; readonly to: number }>()
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (fact.role !== 'notable' || links.isGrave(at)) continue
    const to = targets.nearest(fact.container, at, nearMs)
    if (to === undefined) continue
    const group = links.first(at)
    const known = nearest.get(group)
    const isNearer =
      known === undefined || timeBetween(facts, at, to) < timeBetween(facts, known.at, known.to)
    if (isNearer) nearest.set(group, { at, to })
  }
  for (const { at, to } of nearest.values()) links.join(at, to, 'container')
}

function graveByContainer(facts: readonly IncidentFact[]): NearestFacts {
  const graves = new NearestFacts(facts)
  for (const [at, { role, container }] of facts.entries()) {
    if (role === 'grave') graves.add(container, at)
  }
  return graves
}

function* joinOthers(
  facts: readonly IncidentFact[],
  links: IncidentLinks,
  trees: ReadonlySet<string>,
): Steps<void> {
  const graves = graveByContainer(facts)
  const sessions = new NearestFacts(facts)
  const processes = new NearestFacts(facts)
  const numbers = new Map<string, number>()
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (!isSeed(fact)) continue
    numbers.set(fact.id, at)
    sessions.add(sessionOf(fact), at)
    for (const tree of treesOf(fact, trees)) processes.add(tree, at)
  }
  const join = (at: number, to: number | undefined, kind: LinkKind): boolean => {
    if (to !== undefined) links.join(at, to, kind)
    return to !== undefined
  }
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (fact.role === 'novelty') {
      if (join(at, sessions.nearest(sessionOf(fact), at), 'session')) continue
      const [tree] = treesOf(fact, trees)
      join(at, processes.nearest(tree, at, treeMs), 'process-tree')
    } else if (fact.role === 'loss') {
      join(at, graves.nearest(fact.container, at, nearMs), 'container')
    } else if (fact.role === 'summary') {
      const part = fact.parts?.find((id) => numbers.has(id))
      join(at, numbers.get(part ?? ''), 'summary')
    }
  }
}

function* groupsOf(
  facts: readonly IncidentFact[],
  links: IncidentLinks,
  again: readonly (readonly [number, number])[],
): Steps<Incidents> {
  /** By the first fact of each group: the seed that was raised first. */
  const named = new Map<number, number>()
  for (const [at, fact] of facts.entries()) {
    if (at % lookedAtOnce === 0) yield
    if (!isSeed(fact)) continue
    const group = links.first(at)
    const known = facts[named.get(group) ?? -1]
    if (known === undefined || fact.id < known.id) named.set(group, at)
  }
  const idOf = (at: number): string => facts[named.get(links.first(at)) ?? -1]?.id ?? ''
  const follows = new Map<string, string>()
  for (const [later, earlier] of again) {
    if (idOf(later) !== idOf(earlier)) follows.set(idOf(later), idOf(earlier))
  }
  const incidents: Incident[] = []
  for (const at of named.values()) {
    const members: IncidentMember[] = []
    for (const { fact, link } of links.from(at)) {
      if (members.length % lookedAtOnce === 0) yield
      const other = link && facts[link.to]?.id
      members.push(
        link === undefined || other === undefined
          ? { fact }
          : { fact, link: { kind: link.kind, other } },
      )
    }
    const gravest = yield* sorted(members, (a, b) => byGravity(a.fact, b.fact))
    const id = facts[at]?.id ?? ''
    const before = follows.get(id)
    incidents.push({
      id,
      severity: gravest[0]?.fact.severity ?? 'low',
      members: gravest,
      ...(before === undefined ? {} : { follows: before }),
    })
  }
  const outside = facts.filter((_, at) => !named.has(links.first(at)))
  return { incidents: yield* sorted(incidents, latestFirst), outside }
}

function byGravity(a: IncidentFact, b: IncidentFact): number {
  return severities.indexOf(b.severity) - severities.indexOf(a.severity) || byTime(a, b)
}

function latestFirst(a: Incident, b: Incident): number {
  const graver = severities.indexOf(b.severity) - severities.indexOf(a.severity)
  return graver || (a.id < b.id ? 1 : -1)
}
