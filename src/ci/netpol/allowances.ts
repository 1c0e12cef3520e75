import { parseBlock } from '../../core/behaviour/address-block.ts'
import {
  type Direction,
  type NetworkPolicy,
  type PolicyPeer,
  peerText,
  type PolicyPort,
  portText,
} from './network-policy.ts'
import { type Connection, portsMatch, ruleMatches } from './rule-match.ts'
import { isEverything } from './selector.ts'

export const allowanceFindings = ['never-seen', 'wider', 'unknown'] as const
/**
 * `never-seen`: none of it was observed. `wider`: only part of it was. `unknown`: the observed connections may or may
 * not belong to it.
 */
export type AllowanceFinding = (typeof allowanceFindings)[number]

/** One peer of one rule at one of its ports, which is more than was seen. */
export interface Allowance {
  /** `namespace/name` */
  readonly policy: string
  /** `egress[0]` */
  readonly rule: string
  readonly peers: string
  readonly ports: string
  readonly finding: AllowanceFinding
  /** The observed connections of it; for `unknown`, those that may belong to it. */
  readonly seen: readonly string[]
}

interface Part {
  readonly peer: PolicyPeer | undefined
  readonly port: PolicyPort | undefined
}

/**
 * What the policies allow beyond the observed connections. Clients of the pods are not recorded, so of ingress only the
 * ports are reported.
 */
export function allowancesOf(
  policies: readonly NetworkPolicy[],
  connections: readonly Connection[],
  direction: Direction,
): readonly Allowance[] {
  return policies.flatMap((policy) =>
    policy[direction].flatMap((rule, index) =>
      partsOf(rule.peers, rule.ports).flatMap((part): readonly Allowance[] => {
        const judged = judgedPart(part, connections, policy.namespace, direction)
        if (judged === undefined) return []
        const peers = peerText(part.peer)
        const ports = portText(part.port)
        return [{ policy: policy.name, rule: `${direction}[${index}]`, peers, ports, ...judged }]
      }),
    ),
  )
}

function partsOf(peers: readonly PolicyPeer[], ports: readonly PolicyPort[]): readonly Part[] {
  const eachPort = ports.length === 0 ? [undefined] : ports
  const eachPeer = peers.length === 0 ? [undefined] : peers
  return eachPeer.flatMap((peer) => eachPort.map((port) => ({ peer, port })))
}

function judgedPart(
  part: Part,
  connections: readonly Connection[],
  namespace: string,
  direction: Direction,
): Pick<Allowance, 'finding' | 'seen'> | undefined {
  const rule = {
    peers: part.peer === undefined ? [] : [part.peer],
    ports: part.port === undefined ? [] : [part.port],
  }
  const answers = connections.map((connection) => ({
    connection,
    answer:
      direction === 'ingress'
        ? portsMatch(rule, connection)
        : ruleMatches(rule, connection, namespace),
  }))
  const those = (is: 'yes' | 'unknown'): readonly Connection[] =>
    answers.filter(({ answer }) => answer.is === is).map(({ connection }) => connection)
  const seen = those('yes')
  const maybe = those('unknown')
  if (seen.length === 0) {
    return { finding: maybe.length === 0 ? 'never-seen' : 'unknown', seen: texts(maybe) }
  }
  const isWider =
    hasMorePorts(part.port, seen) || (direction === 'egress' && hasMorePeers(part.peer, seen))
  return isWider ? { finding: 'wider', seen: texts(seen) } : undefined
}

function texts(connections: readonly Connection[]): readonly string[] {
  const all = connections.map(({ protocol, text, other, port }) =>
    other.kind === 'anybody' ? `${protocol} ${port ?? ''}` : `${protocol} ${text}`,
  )
  return [...new Set(all)].sort()
}

function hasMorePorts(port: PolicyPort | undefined, seen: readonly Connection[]): boolean {
  if (port?.port === undefined) return true
  if (typeof port.port === 'string' || port.endPort === undefined) return false
  return port.endPort - port.port + 1 > new Set(seen.map((each) => each.port)).size
}

function hasMorePeers(peer: PolicyPeer | undefined, seen: readonly Connection[]): boolean {
  if (peer === undefined) return true
  // The profile does not record which of the selected pods were reached, only whether the peer selects all pods.
  if (peer.kind === 'pods') return peer.pods === undefined || isEverything(peer.pods)
  const whole = parseBlock(peer.cidr)
  return !seen.some(({ other }) => other.kind === 'block' && other.block.cidr === whole?.cidr)
}
