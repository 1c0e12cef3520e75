import { compareText } from '../../core/compare-text.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import { ownParty, type PartyName, peerParty } from './party.ts'
import type { OpenItem } from './review-groups.ts'
import type { FleetConnection, FleetParty } from './views.ts'
import {
  byUrgency,
  type MappedVersion,
  type WorkloadDrafts,
  workloadDrafts,
  type WorkloadPart,
  workloadPart,
} from './workload-part.ts'

/** Who connects to whom in the whole fleet. */
export interface WholeMap {
  /** By id. */
  readonly parties: ReadonlyMap<string, FleetParty>
  /** Open alerts first, of these the most severe. */
  readonly connections: readonly FleetConnection[]
}

export interface VersionOnMap extends MappedVersion {
  readonly image: FleetImage
  /** Another one: its connections may have changed. */
  readonly revision: number
}

/** All that the map has of one workload is made of. */
interface Workload {
  readonly party: PartyName
  readonly versions: VersionOnMap[]
  readonly open: OpenItem[]
}

interface Kept {
  readonly of: Workload
  /** Protocols that it listens on. */
  readonly listening: ReadonlySet<string>
  /** Its services, by protocol and peer, as they were found. */
  readonly services: ReadonlyMap<string, FoundService>
  readonly part: WorkloadPart
}

interface FoundService {
  readonly service: PartyName
  readonly protocol: string
  readonly party: PartyName
}

/**
 * The map of a fleet: from the connections that its profiles allow, over all versions of an image, and from those that
 * wait for a decision. Each workload is a part, which is made again only where something of it changed.
 */
export class FleetMaps {
  #kept: ReadonlyMap<string, Kept> = new Map()

  make(versions: Iterable<VersionOnMap>, open: readonly OpenItem[]): WholeMap {
    const workloads = workloadsOf(versions, open)
    const before = this.#kept
    const fresh = new Map<string, WorkloadDrafts>()
    const services = new Services()
    for (const [id, workload] of workloads) {
      const kept = before.get(id)
      if (kept !== undefined && isSame(kept.of, workload)) {
        services.add(workload.party, kept.listening)
        continue
      }
      const drafts = workloadDrafts(workload.versions, workload.open)
      fresh.set(id, drafts)
      services.add(workload.party, listeningOf(drafts))
    }
    const now = new Map<string, Kept>()
    const inOrder = [...workloads].sort(([a], [b]) => compareText(a, b))
    for (const [id, workload] of inOrder) {
      const kept = before.get(id)
      const drafts = fresh.get(id)
      const isKept = kept !== undefined && drafts === undefined && services.areSame(kept.services)
      now.set(
        id,
        isKept
          ? kept
          : made(workload, drafts ?? workloadDrafts(workload.versions, workload.open), services),
      )
    }
    this.#kept = now
    return wholeMap([...now.values()].map(({ part }) => part))
  }
}

function workloadsOf(
  versions: Iterable<VersionOnMap>,
  open: readonly OpenItem[],
): ReadonlyMap<string, Workload> {
  const workloads = new Map<string, Workload>()
  const at = (image: FleetImage): Workload => {
    const party = ownParty(image)
    const known = workloads.get(party.id) ?? { party, versions: [], open: [] }
    workloads.set(party.id, known)
    return known
  }
  for (const version of versions) at(version.image).versions.push(version)
  for (const item of open) if (item.connections.length > 0) at(item.image).open.push(item)
  return workloads
}

function isSame(a: Workload, b: Workload): boolean {
  return (
    a.versions.length === b.versions.length &&
    a.open.length === b.open.length &&
    a.open.every((item, i) => item === b.open[i]) &&
    a.versions.every(({ name, revision }, i) => {
      const other = b.versions[i]
      return name === other?.name && revision === other.revision
    })
  )
}

function listeningOf({ in: listens }: WorkloadDrafts): ReadonlySet<string> {
  return new Set(listens.map(({ connection }) => connection.protocol))
}

function made(workload: Workload, drafts: WorkloadDrafts, services: Services): Kept {
  const found = new Map<string, FoundService>()
  const partyOf = (peer: string, protocol: string): PartyName => {
    const at = `${protocol} ${peer}`
    const known = found.get(at)
    if (known !== undefined) return known.party
    const service = peerParty(peer)
    if (service.kind !== 'service') return service
    const party = services.partyOf(service, protocol)
    found.set(at, { service, protocol, party })
    return party
  }
  const part = workloadPart(workload.party, drafts, partyOf)
  return { of: workload, listening: listeningOf(drafts), services: found, part }
}

/** The workloads that services are for. */
class Services {
  /** `namespace/name` → workloads that listen; several: nobody can tell which of them a service is for. */
  readonly #listening = new Map<
    string,
    { readonly party: PartyName; readonly protocols: ReadonlySet<string> }[]
  >()

  add(party: PartyName, protocols: ReadonlySet<string>): void {
    const { namespace, name } = party
    if (namespace === undefined || protocols.size === 0) return
    const at = `${namespace}/${name}`
    const others = this.#listening.get(at)
    if (others === undefined) this.#listening.set(at, [{ party, protocols }])
    else others.push({ party, protocols })
  }

  /** Profiles do not have the pods of a service. By convention a service has the name of its workload. */
  partyOf(service: PartyName, protocol: string): PartyName {
    const [first, ...more] = this.#listening.get(`${service.namespace}/${service.name}`) ?? []
    if (first === undefined || more.length > 0) return service
    return first.protocols.has(protocol) ? first.party : service
  }

  /** Whether each of them would be found as it was. */
  areSame(found: ReadonlyMap<string, FoundService>): boolean {
    for (const { service, protocol, party } of found.values())
      if (this.partyOf(service, protocol).id !== party.id) return false
    return true
  }
}

function wholeMap(parts: readonly WorkloadPart[]): WholeMap {
  const parties = new Map<string, FleetParty>(parts.map(({ party }) => [party.id, party]))
  const urgent: FleetConnection[] = []
  const learned: FleetConnection[] = []
  /** Of a block with one known address, that one; with more, undefined. */
  const only = new Map<string, string | undefined>()
  for (const { connections, peers, addresses } of parts) {
    for (const each of connections) (each.state === 'learned' ? learned : urgent).push(each)
    for (const peer of peers)
      if (!parties.has(peer.id)) parties.set(peer.id, { ...peer, listens: [], left: 0 })
    for (const [id, address] of addresses)
      only.set(id, !only.has(id) || only.get(id) === address ? address : undefined)
  }
  for (const [id, address] of only) {
    const party = parties.get(id)
    if (party !== undefined && address !== undefined) parties.set(id, { ...party, name: address })
  }
  urgent.sort((a, b) => byUrgency(a, b) || compareText(a.key, b.key))
  return { parties, connections: [...urgent, ...learned] }
}
