import type { PeerView, PictureView } from '../../api/page-views.ts'

export interface Node {
  readonly key: string
  readonly text: string
  readonly y: number
}

export interface Edge {
  readonly key: string
  readonly from: number
  readonly to: number
  readonly peer: PeerView
}

export interface PeerLayout {
  readonly programs: readonly Node[]
  readonly peers: readonly (Node & { readonly peer: PeerView })[]
  readonly edges: readonly Edge[]
  readonly height: number
}

const rowHeight = 26
const top = 20

/**
 * Programs on the left, peers on the right, each peer as near as can be to the programs that talk to it: the same
 * picture for the same behaviours, always.
 */
export function layoutOf({ programs, peers }: PictureView): PeerLayout {
  const talking = [...new Set(peers.flatMap((peer) => peer.programs))].sort((a, b) => a - b)
  const place = new Map(talking.map((index, i) => [index, i]))
  const order = peers
    .map((peer) => ({
      peer,
      name: nameOf(peer),
      at: centre(peer.programs.map((i) => place.get(i) ?? 0)),
    }))
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
  const rows = Math.max(talking.length, order.length)
  const spread = (n: number, i: number): number => top + ((i + 0.5) * rows * rowHeight) / n
  const left = talking.map((index, i) => ({
    key: String(index),
    text: programs[index]?.script ?? programs[index]?.exe ?? '',
    y: spread(talking.length, i),
  }))
  const right = order.map(({ peer, name }, i) => ({
    key: name,
    text: name,
    y: spread(order.length, i),
    peer,
  }))
  const edges = right.flatMap(({ key, y, peer }) =>
    peer.programs.map((index) => ({
      key: `${index} ${key}`,
      from: left[place.get(index) ?? 0]?.y ?? 0,
      to: y,
      peer,
    })),
  )
  return { programs: left, peers: right, edges, height: rows * rowHeight + top + 6 }
}

export function nameOf({ protocol, peer, port, direction }: PeerView): string {
  const where = direction === 'in' && peer === 'own' ? 'its own address' : peer
  return `${protocol} ${where}${port === 0 ? '' : `:${port}`}`
}

function centre(places: readonly number[]): number {
  return places.reduce((sum, each) => sum + each, 0) / Math.max(1, places.length)
}
