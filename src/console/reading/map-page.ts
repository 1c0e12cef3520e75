import type { WholeMap } from './fleet-map.ts'
import type { ConnectionState, FleetConnection, FleetMap } from './views.ts'
import { isFound, textFinder, type WindowQuery } from './window.ts'

export interface MapQuery extends WindowQuery {
  /** Connections from or to a workload or service of it. */
  readonly namespace?: string
  /** Id of a party: its own connections, and those to it. */
  readonly party?: string
  readonly state?: ConnectionState
}

/** A part of the map: the connections that match, and their parties. */
export function mapPage(map: WholeMap, query: MapQuery): FleetMap {
  const { parties } = map
  const { offset, limit, namespace, party, state } = query
  const isWanted = matcher(map, query)
  const namespaces = new Map<string, number>()
  const count = (name: string | undefined): void => {
    if (name !== undefined) namespaces.set(name, (namespaces.get(name) ?? 0) + 1)
  }
  const states: Record<ConnectionState, number> = { alert: 0, review: 0, learned: 0 }
  const rows: FleetConnection[] = []
  let total = 0
  // One pass, which allocates nothing for a row: a fleet has tens of thousands.
  for (const row of map.connections) {
    if (!isWanted(row)) continue
    const [from, to] = [parties.get(row.from)?.namespace, parties.get(row.to)?.namespace]
    const isOf = namespace === undefined || from === namespace || to === namespace
    const isIn = state === undefined || row.state === state
    if (isIn) {
      count(from)
      if (to !== from) count(to)
    }
    if (isOf) states[row.state] += 1
    if (!isOf || !isIn) continue
    if (total >= offset && rows.length < limit) rows.push(row)
    total += 1
  }
  const ids = new Set(rows.flatMap(({ from, to }) => [from, to]))
  if (party !== undefined) ids.add(party)
  return {
    total,
    offset,
    rows,
    parties: [...ids].flatMap((id) => parties.get(id) ?? []),
    namespaces: Object.fromEntries(namespaces),
    states,
  }
}

function matcher({ parties }: WholeMap, { q, party }: MapQuery): (row: FleetConnection) => boolean {
  const isOf = ({ from, to }: FleetConnection): boolean =>
    party === undefined || from === party || to === party
  if (q === undefined) return isOf
  const found = new Set<string>()
  for (const { id, name, namespace = '', repository = '' } of parties.values())
    if (isFound(q, name, namespace, repository)) found.add(id)
  const hasText = textFinder(q)
  return (row) =>
    isOf(row) &&
    (found.has(row.from) ||
      found.has(row.to) ||
      hasText(`${row.protocol}:${row.port}`) ||
      row.peers.some(hasText) ||
      row.programs.some(hasText))
}
