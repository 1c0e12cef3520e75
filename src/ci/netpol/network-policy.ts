import { type Answer } from './answer.ts'
import { isEverything, type Labels, type Selector, selects, selectorText } from './selector.ts'

export const directions = ['ingress', 'egress'] as const
export type Direction = (typeof directions)[number]

export const protocols = ['TCP', 'UDP', 'SCTP'] as const
export type Protocol = (typeof protocols)[number]

/** A NetworkPolicy of the API, with its defaults filled in. */
export interface NetworkPolicy {
  /** `namespace/name` */
  readonly name: string
  readonly namespace: string
  readonly podSelector: Selector
  /** The directions in which it isolates the selected pods. */
  readonly types: readonly Direction[]
  readonly ingress: readonly PolicyRule[]
  readonly egress: readonly PolicyRule[]
}

/** Allows a connection that matches one of its peers and one of its ports. */
export interface PolicyRule {
  /** Empty: all peers. */
  readonly peers: readonly PolicyPeer[]
  /** Empty: all. */
  readonly ports: readonly PolicyPort[]
}

export type PolicyPeer =
  | { readonly kind: 'block'; readonly cidr: string; readonly except: readonly string[] }
  | {
      readonly kind: 'pods'
      /** Absent: the policy's own namespace. */
      readonly namespaces?: Selector
      /** Absent: all. */
      readonly pods?: Selector
    }

export interface PolicyPort {
  readonly protocol: Protocol
  /** A number, or the pod's name for it; absent: all. */
  readonly port?: number | string
  readonly endPort?: number
}

/** The pods that are asked about: all of their labels are known. */
export interface Subject {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

/** Policies that isolate the pods in that direction: a connection that none of them allows is refused. */
export function isolating(
  policies: readonly NetworkPolicy[],
  { namespace, labels }: Subject,
  direction: Direction,
): readonly NetworkPolicy[] {
  const all: Labels = { known: labels, complete: true }
  const isOurs = (policy: NetworkPolicy): Answer => selects(policy.podSelector, all, 'the pods')
  return policies.filter(
    (policy) =>
      policy.namespace === namespace &&
      policy.types.includes(direction) &&
      isOurs(policy).is === 'yes',
  )
}

export function peerText(peer: PolicyPeer | undefined): string {
  if (peer === undefined) return 'anybody'
  if (peer.kind === 'block') {
    return peer.except.length === 0 ? peer.cidr : `${peer.cidr} but ${peer.except.join(', ')}`
  }
  const { namespaces, pods } = peer
  const who = pods === undefined || isEverything(pods) ? 'all pods' : `pods ${selectorText(pods)}`
  if (namespaces === undefined) return `${who} of its namespace`
  return isEverything(namespaces)
    ? `${who} of all namespaces`
    : `${who} of namespaces ${selectorText(namespaces)}`
}

export function portText(port: PolicyPort | undefined): string {
  if (port === undefined) return 'all ports'
  const { protocol, port: first, endPort } = port
  if (first === undefined) return `${protocol}, all ports`
  return endPort === undefined ? `${protocol} ${first}` : `${protocol} ${first} to ${endPort}`
}
