import { parseAddress, parseBlock } from '../../core/behaviour/address-block.ts'
import { isDnsPeer } from '../../core/behaviour/dns-name.ts'
import { lineageName } from '../../core/event/image-key.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import type { PartyKind } from './views.ts'

/** What one end of a connection is, without what is known of it. */
export interface PartyName {
  readonly id: string
  readonly kind: PartyKind
  readonly name: string
  readonly namespace?: string
  readonly repository?: string
}

/**
 * Containers of an image: of a scope that names a workload, the workload with all its images; of others, the image in its
 * namespace.
 */
export function ownParty(image: FleetImage): PartyName {
  const { repository, scope } = image
  const [namespace, ...workload] = scope?.split('/') ?? []
  const name = workload.at(-1)
  if (scope !== undefined && namespace !== undefined && name !== undefined)
    return { id: `workload:${scope}`, kind: 'workload', name, namespace }
  const short = repository.slice(repository.lastIndexOf('/') + 1)
  const of = namespace === undefined ? {} : { namespace }
  return { id: `image:${lineageName(image)}`, kind: 'image', name: short, ...of, repository }
}

/** Length of the block that stands for its addresses, in bits: what one operator usually gets. */
const blockBits = { 4: 24, 6: 64 } as const

/** The peer of a connection, of which the profile has an address, a block or a name. */
export function peerParty(peer: string): PartyName {
  if (isDnsPeer(peer)) return { id: `name:${peer}`, kind: 'name', name: peer.slice(0, -1) }
  const block = parseBlock(peer) ?? blockOf(peer)
  if (block !== undefined) return { id: `address:${block.cidr}`, kind: 'address', name: block.cidr }
  const [name, namespace, ...more] = peer.split('.')
  if (name && namespace && more.length === 0)
    return { id: `service:${peer}`, kind: 'service', name, namespace }
  return { id: `name:${peer}`, kind: 'name', name: peer }
}

function blockOf(peer: string): ReturnType<typeof parseBlock> {
  const address = parseAddress(peer)
  if (address === undefined) return undefined
  return parseBlock(`${peer}/${address.kind() === 'ipv4' ? blockBits[4] : blockBits[6]}`)
}
