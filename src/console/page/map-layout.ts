import type { ConnectionState, FleetConnection, FleetParty } from '../reading/views.ts'

export interface MapNode {
  readonly party: FleetParty
  readonly x: number
  readonly y: number
}

/** All connections from one party to another. */
export interface MapEdge {
  readonly key: string
  readonly from: MapNode
  readonly to: MapNode
  /** The most urgent first. */
  readonly connections: readonly FleetConnection[]
}

export interface MapLayout {
  readonly nodes: readonly MapNode[]
  readonly edges: readonly MapEdge[]
  /** Pixels. */
  readonly width: number
  readonly height: number
}

export const columnWidth = 250
export const rowHeight = 24
const top = 26
/** Of callers of callers of …: those further on are in the last column. */
const columnsMost = 6
const sweeps = 6
/** The lower, the more urgent. */
const urgencies: Readonly<Record<ConnectionState, number>> = { alert: 0, review: 1, learned: 2 }

/**
 * Callers on the left, and whom they call to the right of them. Within a column, each is as near as can be to those that
 * it is connected with. The same picture for the same connections, always.
 */
export function mapLayout(
  parties: readonly FleetParty[],
  connections: readonly FleetConnection[],
): MapLayout {
  const pairs = pairsOf(connections)
  const ids = new Set(pairs.flatMap(({ from, to }) => [from, to]))
  const shown = parties.filter(({ id }) => ids.has(id)).sort((a, b) => compare(a.id, b.id))
  const columns = ordered(columnsOf(shown, pairs), pairs)
  const rows = Math.max(1, ...columns.map((column) => column.length))
  const nodes = new Map<string, MapNode>()
  for (const [i, column] of columns.entries()) {
    const space = (rows * rowHeight) / column.length
    for (const [at, party] of column.entries()) {
      const y = top + (at + 0.5) * Math.min(space, rowHeight * 3) + offset(column.length, rows)
      nodes.set(party.id, { party, x: 12 + i * columnWidth, y })
    }
  }
  const edges = pairs.flatMap(({ from, to, connections: own }) => {
    const [a, b] = [nodes.get(from), nodes.get(to)]
    if (a === undefined || b === undefined) return []
    return [{ key: `${from} ${to}`, from: a, to: b, connections: own }]
  })
  return {
    nodes: [...nodes.values()],
    // What is urgent is drawn last: nothing covers it.
    edges: edges.sort((a, b) => urgencyOf(b) - urgencyOf(a) || compare(a.key, b.key)),
    width: columns.length * columnWidth + 12,
    height: rows * rowHeight + top + 10,
  }
}

interface Pair {
  readonly from: string
  readonly to: string
  readonly connections: FleetConnection[]
}

function pairsOf(connections: readonly FleetConnection[]): readonly Pair[] {
  const pairs = new Map<string, Pair>()
  for (const each of connections) {
    const { from, to } = each
    const name = `${from} ${to}`
    const pair = pairs.get(name) ?? { from, to, connections: [] }
    pair.connections.push(each)
    pairs.set(name, pair)
  }
  for (const { connections: own } of pairs.values())
    own.sort((a, b) => urgencies[a.state] - urgencies[b.state])
  return [...pairs.values()].sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to))
}

/** Half of the free space of a column that does not reach its end. */
function offset(length: number, rows: number): number {
  return Math.max(0, (rows - length * 3) * rowHeight) / 2
}

/** By the longest way from a party that nobody calls. A connection that closes a circle does not count. */
function columnsOf(
  parties: readonly FleetParty[],
  pairs: readonly Pair[],
): readonly (readonly FleetParty[])[] {
  const called = new Map<string, string[]>(parties.map(({ id }) => [id, []]))
  for (const { from, to } of pairs) if (from !== to) called.get(from)?.push(to)
  const order = finishing(parties, called)
  const place = new Map(order.map((id, i) => [id, i]))
  const depth = new Map<string, number>()
  for (const id of order) {
    const own = depth.get(id) ?? 0
    depth.set(id, own)
    for (const to of called.get(id) ?? []) {
      if ((place.get(to) ?? 0) > (place.get(id) ?? 0))
        depth.set(to, Math.max(depth.get(to) ?? 0, own + 1))
    }
  }
  const columns: FleetParty[][] = []
  for (const party of parties) {
    const at = Math.min(depth.get(party.id) ?? 0, columnsMost - 1)
    while (columns.length <= at) columns.push([])
    columns[at]?.push(party)
  }
  return columns.filter((column) => column.length > 0)
}

/** Callers before those that they call, as far as there is no circle. Parties that nobody calls come first. */
function finishing(
  parties: readonly FleetParty[],
  called: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const hasCaller = new Set([...called.values()].flat())
  const isRoot = ({ id }: FleetParty): boolean => !hasCaller.has(id)
  const begin = [...parties.filter(isRoot), ...parties.filter((party) => !isRoot(party))]
  const seen = new Set<string>()
  const done: string[] = []
  for (const { id: root } of begin) {
    // Without recursion: a chain may be as long as the map has parties.
    const stack: { readonly id: string; next: number }[] = []
    const enter = (id: string): void => {
      if (seen.has(id)) return
      seen.add(id)
      stack.push({ id, next: 0 })
    }
    enter(root)
    for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
      const to = called.get(at.id)?.[at.next]
      at.next += 1
      if (to !== undefined) {
        enter(to)
        continue
      }
      done.push(at.id)
      stack.pop()
    }
  }
  return done.reverse()
}

/** Each party moves to the middle of those that it is connected with, a few times, from left to right and back. */
function ordered(
  columns: readonly (readonly FleetParty[])[],
  pairs: readonly Pair[],
): readonly (readonly FleetParty[])[] {
  const beside = new Map<string, string[]>()
  const put = (a: string, b: string): void => {
    const known = beside.get(a)
    if (known === undefined) beside.set(a, [b])
    else known.push(b)
  }
  for (const { from, to } of pairs) {
    put(from, to)
    put(to, from)
  }
  const height = new Map<string, number>()
  const measure = (column: readonly FleetParty[]): void => {
    for (const [i, { id }] of column.entries()) height.set(id, (i + 0.5) / column.length)
  }
  const now = columns.map((column) => [...column])
  for (const column of now) measure(column)
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const column of sweep % 2 === 0 ? now : [...now].reverse()) {
      const middle = new Map(
        column.map(({ id }) => {
          const all = (beside.get(id) ?? []).map((other) => height.get(other) ?? 0)
          return [id, all.reduce((sum, each) => sum + each, 0) / Math.max(1, all.length)]
        }),
      )
      column.sort(
        (a, b) => (middle.get(a.id) ?? 0) - (middle.get(b.id) ?? 0) || compare(a.id, b.id),
      )
      measure(column)
    }
  }
  return now
}

function urgencyOf({ connections: [first] }: MapEdge): number {
  return urgencies[first?.state ?? 'learned']
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
