import { parseBlock } from '../../core/behaviour/address-block.ts'
import type { BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { dnsPeer } from '../../core/behaviour/dns-name.ts'
import { canonicalAddress } from '../../core/event/canonical.ts'
import type { Neighbour } from './shipped-profile.ts'

type Connect = Extract<BehaviourObject, { kind: 'connect' }>

const protocols: Readonly<Record<string, string>> = { TCP: 'tcp', UDP: 'udp' }

/** The connections to a neighbour; undefined where a profile of Snug cannot name all of them. */
export function connectsTo(to: Neighbour): readonly Connect[] | undefined {
  // A pod is known by its labels there, and by the name of its service here.
  if ((to.podSelector ?? to.namespaceSelector ?? undefined) !== undefined) return undefined
  const peers = [
    ...[...to.ipAddresses, ...present(to.ipAddress)].map(addressPeer),
    ...[...to.dnsNames, ...present(to.dns)].map(namePeer),
  ]
  if (peers.length === 0 || to.ports.length === 0) return undefined
  const connects: Connect[] = []
  for (const { port: given, protocol = '' } of to.ports) {
    const port = given ?? 0
    const name = protocols[protocol.toUpperCase()]
    // Without a port it is any port.
    if (name === undefined || port === 0) return undefined
    for (const peer of peers) {
      if (peer === undefined) return undefined
      connects.push({ kind: 'connect', protocol: name, peer, port })
    }
  }
  return connects
}

function present(text: string | null | undefined): readonly string[] {
  return (text ?? '') === '' ? [] : [text ?? '']
}

function addressPeer(address: string): string | undefined {
  if (address.includes('/')) return parseBlock(address)?.cidr
  return canonicalAddress(address)
}

/** Names with a wildcard have no counterpart. */
function namePeer(name: string): string | undefined {
  const plain = name.replace(/\.$/, '').toLowerCase()
  return /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(plain) ? dnsPeer(plain) : undefined
}
