import { type AddressBlock, parseBlock, within } from '../../core/behaviour/address-block.ts'
import { allOf, type Answer, anyOf, no, unknown, yes } from './answer.ts'
import type { PolicyPeer, PolicyPort, PolicyRule, Protocol } from './network-policy.ts'
import { type Labels, selects } from './selector.ts'

/** Who is on the other side, as far as that is known. */
export type OtherSide =
  | { readonly kind: 'block'; readonly block: AddressBlock }
  | {
      readonly kind: 'pods'
      readonly namespace: string
      readonly namespaceLabels: Labels
      readonly labels: Labels
    }
  /** A name that reveals neither a location nor a kind. */
  | { readonly kind: 'name' }
  /** Who connects to the pods is not recorded. */
  | { readonly kind: 'anybody' }

/** An observed connection, or, for `anybody`, a listening port. */
export interface Connection {
  readonly protocol: Protocol
  readonly other: OtherSide
  /** As the profile names the other side, or the own pods. */
  readonly text: string
  /** At the pod that is connected to; absent: not recorded. */
  readonly port?: number | undefined
  /** The pod's name for the port, where only that is available. */
  readonly portName?: string | undefined
}

/** @param namespace of the policy */
export function ruleMatches(rule: PolicyRule, connection: Connection, namespace: string): Answer {
  return allOf([portsMatch(rule, connection), peersMatch(rule, connection, namespace)])
}

export function portsMatch({ ports }: PolicyRule, connection: Connection): Answer {
  return ports.length === 0 ? yes : anyOf(ports.map((port) => portMatches(port, connection)))
}

export function peersMatch(
  { peers }: PolicyRule,
  connection: Connection,
  namespace: string,
): Answer {
  if (peers.length === 0) return yes
  return anyOf(peers.map((peer) => peerMatches(peer, connection, namespace)))
}

function portMatches(given: PolicyPort, { protocol, port, portName, text }: Connection): Answer {
  if (given.protocol !== protocol) return no
  const { port: first, endPort } = given
  if (first === undefined) return yes
  if (typeof first === 'string') {
    return first === portName ? yes : unknown(`which port is called \`${first}\` by ${text}`)
  }
  if (port === undefined) {
    return unknown(
      portName === undefined
        ? `the port of ${text}`
        : `the number of the port \`${portName}\` of ${text}`,
    )
  }
  return port >= first && port <= (endPort ?? first) ? yes : no
}

function peerMatches(given: PolicyPeer, { other, text }: Connection, namespace: string): Answer {
  if (other.kind === 'anybody') return unknown('who connects')
  if (other.kind === 'name') return unknown(`who ${text} is`)
  if (given.kind === 'block') {
    return other.kind === 'block'
      ? blockMatches(given, other.block, text)
      : unknown(`which addresses ${text} has`)
  }
  if (other.kind === 'block') return unknown(`whether ${text} is the address of a pod`)
  const { namespaces, pods } = given
  return allOf([
    namespaces === undefined
      ? other.namespace === namespace
        ? yes
        : no
      : selects(namespaces, other.namespaceLabels, `the namespace ${other.namespace}`),
    pods === undefined ? yes : selects(pods, other.labels, `the pods of ${text}`),
  ])
}

function blockMatches(
  { cidr, except }: Extract<PolicyPeer, { kind: 'block' }>,
  block: AddressBlock,
  text: string,
): Answer {
  const outer = parseBlock(cidr)
  if (outer === undefined) return no
  const excepted = except.map(parseBlock).filter((each) => each !== undefined)
  if (excepted.some((each) => within(block, each))) return no
  if (within(block, outer)) {
    const isCut = excepted.some((each) => within(each, block))
    return isCut ? unknown(`which addresses of ${text} it connects to`) : yes
  }
  return within(outer, block) ? unknown(`which addresses of ${text} it connects to`) : no
}
