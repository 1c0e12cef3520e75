import { domainOf, isDnsPeer, wildcardPeer } from '../../core/behaviour/dns-name.ts'
import { type Severity, severities } from '../../core/event/alert-words.ts'
import { compareText } from '../../core/compare-text.ts'
import type { AllowedConnection } from './allowed-connections.ts'
import { type Connection, nameOfConnection } from './connection.ts'
import type { PartyName } from './party.ts'
import type { OpenItem } from './review-groups.ts'
import {
  type ConnectionFacts,
  type ConnectionState,
  connectionStates,
  type FleetConnection,
  type FleetParty,
} from './views.ts'

/** Connections of a workload that the map has, and ports that it listens on. */
export const connectionsKept = 500
/** Ports of one peer, and names of one domain, that stand for themselves. */
const apart = 8
/** Programs and peers that a connection names. */
const named = 3

/** One version of an image, with the connections that it may make. */
export interface MappedVersion {
  /** Of the ImageProfile. */
  readonly name: string
  readonly createdAt: string
  readonly connections: () => readonly AllowedConnection[]
}

/** Connections that differ in nodes and programs alone, or that the map has as one. */
interface Draft {
  readonly connection: Connection
  readonly state: ConnectionState
  readonly nodes: Set<string>
  readonly programs: Set<string>
  readonly peers: Set<string>
  severity: Severity | undefined
  item: string | undefined
  profile: string | undefined
}

/** What is known of the connections of one workload, with peers as profiles and alerts have them. */
export interface WorkloadDrafts {
  readonly out: readonly Draft[]
  readonly in: readonly Draft[]
  /** Its latest ImageProfile. */
  readonly profile: string | undefined
}

interface Shown {
  readonly connection: Connection
  readonly program: string | undefined
  readonly nodes: Iterable<string>
}

export function workloadDrafts(
  versions: readonly MappedVersion[],
  open: readonly OpenItem[],
): WorkloadDrafts {
  const out = new Map<string, Draft>()
  const listens = new Map<string, Draft>()
  const draftOf = ({ connection, nodes, program }: Shown, state: ConnectionState): Draft => {
    const name = `${state} ${nameOfConnection(connection)}`
    const drafts = connection.direction === 'out' ? out : listens
    const draft = drafts.get(name) ?? newDraft(connection, state)
    drafts.set(name, draft)
    for (const node of nodes) draft.nodes.add(node)
    if (program !== undefined) draft.programs.add(program)
    return draft
  }
  const oldestFirst = [...versions].sort((a, b) => compareText(a.createdAt, b.createdAt))
  for (const { name, connections } of oldestFirst)
    for (const each of connections()) draftOf(each, 'learned').profile = name
  for (const { item, isNovelty, connections } of open) {
    for (const each of connections) {
      const draft = draftOf(each, isNovelty ? 'review' : 'alert')
      if (rank(draft.severity) >= rank(item.severity)) continue
      draft.severity = item.severity
      draft.item = item.key
      draft.profile = item.profile ?? draft.profile
    }
  }
  const profile = oldestFirst.at(-1)?.name
  return { out: [...out.values()], in: [...listens.values()], profile }
}

function newDraft(
  { direction, protocol, peer, port, lastPort }: Connection,
  state: ConnectionState,
): Draft {
  return {
    connection: {
      direction,
      protocol,
      peer,
      port,
      ...(lastPort === undefined ? {} : { lastPort }),
    },
    state,
    nodes: new Set(),
    programs: new Set(),
    peers: new Set([peer]),
    severity: undefined,
    item: undefined,
    profile: undefined,
  }
}

/** The part of the map that is of one workload. */
export interface WorkloadPart {
  readonly party: FleetParty
  /** The most urgent first. */
  readonly connections: readonly FleetConnection[]
  /** Those that it connects to. */
  readonly peers: readonly PartyName[]
  /** Ids of parties that are blocks, with the addresses. */
  readonly addresses: readonly (readonly [id: string, address: string])[]
}

/** @param partyOf the party of a peer that is reached by the protocol */
export function workloadPart(
  own: PartyName,
  drafts: WorkloadDrafts,
  partyOf: (peer: string, protocol: string) => PartyName,
): WorkloadPart {
  const { profile } = drafts
  const listens = folded(drafts.in, () => '')
  const partyFor = withNamesFolded(drafts.out, partyOf)
  const out = folded(drafts.out, ({ connection }) => partyFor(connection).id)
  const peers = new Map<string, PartyName>()
  const addresses: (readonly [string, string])[] = []
  const connections = out.slice(0, connectionsKept).map((draft) => {
    const to = partyFor(draft.connection)
    peers.set(to.id, to)
    if (to.kind === 'address') for (const peer of draft.peers) addresses.push([to.id, peer])
    return rowOf(own.id, to.id, draft)
  })
  const party = {
    ...own,
    ...(profile === undefined ? {} : { profile }),
    listens: listens.slice(0, connectionsKept).map(factsOf),
    left: beyond(listens) + beyond(out),
  }
  return { party, connections, peers: [...peers.values()], addresses }
}

/** Many names of one domain are one party. */
function withNamesFolded(
  drafts: readonly Draft[],
  partyOf: (peer: string, protocol: string) => PartyName,
): (connection: Connection) => PartyName {
  const names = new Map<string, Set<string>>()
  for (const { connection } of drafts) {
    const { peer } = connection
    if (!isDnsPeer(peer)) continue
    const domain = domainOf(peer)
    const known = names.get(domain) ?? new Set<string>()
    names.set(domain, known.add(peer))
  }
  return ({ peer, protocol }) => {
    const isMany = isDnsPeer(peer) && (names.get(domainOf(peer))?.size ?? 0) > apart
    return partyOf((isMany ? wildcardPeer(peer) : undefined) ?? peer, protocol)
  }
}

/** Drafts of one party, protocol, port and state are one, and so are many ports of a peer. The most urgent first. */
function folded(drafts: readonly Draft[], partyOf: (draft: Draft) => string): readonly Draft[] {
  const byPeer = new Map<string, Map<string, Draft[]>>()
  for (const draft of drafts) {
    const { protocol, port, lastPort = port } = draft.connection
    const name = `${draft.state} ${protocol} ${partyOf(draft)}`
    const ports = byPeer.get(name) ?? new Map<string, Draft[]>()
    byPeer.set(name, ports)
    const at = `${port}-${lastPort}`
    const same = ports.get(at)
    if (same === undefined) ports.set(at, [draft])
    else same.push(draft)
  }
  const all = [...byPeer.entries()].flatMap(([name, ports]) => {
    const each = [...ports.values()].map(merged)
    return (each.length > apart ? [merged(each)] : each).map((draft) => ({ name, draft }))
  })
  return all
    .sort((a, b) => byUrgency(a.draft, b.draft) || compareText(a.name, b.name))
    .map(({ draft }) => draft)
}

/** All of one protocol and state. */
function merged(drafts: readonly Draft[]): Draft {
  const [first, ...more] = drafts as readonly [Draft, ...Draft[]]
  if (more.length === 0) return first
  let [port, lastPort] = [first.connection.port, first.connection.port]
  for (const { connection } of drafts) {
    port = Math.min(port, connection.port)
    lastPort = Math.max(lastPort, connection.lastPort ?? connection.port)
  }
  const { lastPort: _, ...connection } = first.connection
  const ports = port === lastPort ? { port } : { port, lastPort }
  const all = newDraft({ ...connection, ...ports }, first.state)
  for (const draft of drafts) {
    for (const node of draft.nodes) all.nodes.add(node)
    for (const program of draft.programs) all.programs.add(program)
    for (const peer of draft.peers) all.peers.add(peer)
    all.profile ??= draft.profile
    if (rank(draft.severity) <= rank(all.severity)) continue
    all.severity = draft.severity
    all.item = draft.item
    all.profile = draft.profile
  }
  return all
}

function beyond(drafts: readonly Draft[]): number {
  return Math.max(0, drafts.length - connectionsKept)
}

interface Urgency {
  readonly state: ConnectionState
  readonly severity?: Severity | undefined
}

/** Open alerts first, of these the most severe. */
export function byUrgency(a: Urgency, b: Urgency): number {
  return (
    connectionStates.indexOf(a.state) - connectionStates.indexOf(b.state) ||
    rank(b.severity) - rank(a.severity)
  )
}

function rank(severity: Severity | undefined): number {
  return severity === undefined ? -1 : severities.indexOf(severity)
}

function factsOf(draft: Draft): ConnectionFacts {
  const { connection, state, nodes, programs, severity, item, profile } = draft
  const { protocol, port, lastPort } = connection
  return {
    protocol,
    port,
    ...(lastPort === undefined ? {} : { lastPort }),
    state,
    ...(severity === undefined ? {} : { severity }),
    ...(item === undefined ? {} : { item }),
    ...(profile === undefined ? {} : { profile }),
    nodes: nodes.size,
    programs: [...programs].slice(0, named),
  }
}

function rowOf(from: string, to: string, draft: Draft): FleetConnection {
  const { protocol, port, lastPort = port } = draft.connection
  return {
    key: `${from} ${to} ${protocol} ${port}-${lastPort} ${draft.state}`,
    from,
    to,
    ...factsOf(draft),
    peers: [...draft.peers].slice(0, named),
    peerCount: draft.peers.size,
  }
}
