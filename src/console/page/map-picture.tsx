import { useMemo, useState } from 'preact/hooks'
import type { FleetConnection, FleetMap, FleetParty } from '../reading/views.ts'
import { escaped, plural } from '../../page/base/text.ts'
import { columnWidth, type MapEdge, mapLayout, type MapNode } from './map-layout.ts'

const longest = 26
/** Of the fixed-width font of names, in pixels: a line begins behind the name of its caller. */
const letterWidth = 7.4

/** Who talks to whom as a picture. The table beside it has the same, and the links. */
export function MapPicture({
  map,
  wanted,
  onParty,
}: {
  readonly map: FleetMap
  readonly wanted: string
  readonly onParty: (id: string) => void
}) {
  const { nodes, edges, width, height } = useMemo(() => mapLayout(map.parties, map.rows), [map])
  const [over, setOver] = useState('')
  const isNear = ({ from, to }: MapEdge): boolean =>
    over === '' || from.party.id === over || to.party.id === over
  const near = new Set(edges.filter(isNear).flatMap(({ from, to }) => [from.party.id, to.party.id]))
  const label = `${plural(nodes.length, 'party', 'parties')}, callers on the left: the table has every connection`
  return (
    <div class="scroll-x map" tabIndex={0} role="region" aria-label="map of connections">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        style={{ width: `${width}px` }}
        role="img"
        aria-label={label}
        onPointerLeave={() => setOver('')}
      >
        {edges.map((edge) => (
          <path
            key={edge.key}
            class={`edge ${edge.connections[0]?.state ?? ''} ${isNear(edge) ? '' : 'far'}`}
            d={wayOf(edge)}
          >
            <title>{escaped(edge.connections.map(connectionText).join('\n'))}</title>
          </path>
        ))}
        {nodes.map((node) => {
          const { party } = node
          const { id } = party
          return (
            <g
              key={id}
              class={`party ${party.kind} ${near.has(id) ? '' : 'far'} ${id === wanted ? 'wanted' : ''}`}
              onPointerEnter={() => setOver(id)}
              onClick={() => onParty(id)}
            >
              <rect
                class="hit"
                x={node.x - 6}
                y={node.y - 12}
                width={columnWidth - 60}
                height={24}
              />
              <Mark node={node} />
              <text x={node.x + 10} y={node.y + 4}>
                {short(partyText(party))}
                <title>{escaped(titleOf(party))}</title>
              </text>
            </g>
          )
        })}
      </svg>
    </div>
  )
}

/** What is inside of the fleet is round. */
function Mark({ node: { party, x, y } }: { readonly node: MapNode }) {
  if (party.kind === 'workload' || party.kind === 'image')
    return <circle class="mark-of" cx={x} cy={y} r={5} />
  if (party.kind === 'service') return <circle class="mark-of open" cx={x} cy={y} r={4.5} />
  return <rect class="mark-of open" x={x - 4} y={y - 4} width={8} height={8} />
}

function wayOf({ from, to }: MapEdge): string {
  const [x, y] = [endOf(from), from.y]
  const end = to.x - 8
  // To the same column or back: around the right of the name.
  if (end < x) {
    const back = endOf(to)
    const out = Math.max(x, back) + 30
    return `M${x} ${y}C${out} ${y} ${out} ${to.y} ${back} ${to.y}`
  }
  const middle = (x + end) / 2
  return `M${x} ${y}C${middle} ${y} ${middle} ${to.y} ${end} ${to.y}`
}

function endOf({ party, x }: MapNode): number {
  return x + 14 + short(partyText(party)).length * letterWidth
}

/** `name` in its namespace. */
export function partyText({ name, namespace }: FleetParty): string {
  return namespace === undefined ? name : `${name} · ${namespace}`
}

const kinds: Readonly<Record<FleetParty['kind'], string>> = {
  workload: 'workload',
  image: 'image',
  service: 'service',
  name: 'DNS name or container',
  address: 'outside, by address',
}

export function kindText({ kind }: FleetParty): string {
  return kinds[kind]
}

function titleOf(party: FleetParty): string {
  const { repository, listens } = party
  const ports = listens.map(({ protocol, port }) => `${protocol} ${port}`).join(', ')
  return [
    `${partyText(party)}, ${kindText(party)}`,
    ...(repository === undefined ? [] : [repository]),
    ...(ports === '' ? [] : [`listens on ${ports}`]),
  ].join('\n')
}

/** `tcp 443`, `tcp 5000–5008`. */
export function portText({
  protocol,
  port,
  lastPort,
}: Pick<FleetConnection, 'protocol' | 'port' | 'lastPort'>): string {
  if (lastPort !== undefined) return `${protocol} ${port}–${lastPort}`
  return port === 0 ? protocol : `${protocol} ${port}`
}

function connectionText(connection: FleetConnection): string {
  const { state, peers, peerCount } = connection
  const more = peerCount > peers.length ? ', …' : ''
  return `${portText(connection)} to ${peers.join(', ')}${more}: ${state}`
}

function short(text: string): string {
  const shown = escaped(text)
  return shown.length <= longest ? shown : `${shown.slice(0, longest - 1)}…`
}
