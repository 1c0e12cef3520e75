import type { Exportable } from '../../supplychain/export/allowed.ts'
import { egressOf, ingressOf, isAddress } from '../../supplychain/export/network.ts'
import { isWildcard } from '../../core/behaviour/peer.ts'
import { isDrawn } from '../../core/behaviour/ports.ts'
import { plural } from '../../core/coverage/coverage.ts'
import { type Allowance, allowancesOf } from './allowances.ts'
import { egressConnection, ingressConnection } from './connections.ts'
import { connectionVerdicts, type ConnectionVerdict, judgeConnection } from './judge-connection.ts'
import { type Direction, directions, isolating, type Subject } from './network-policy.ts'
import type { InPlace } from './parse-policies.ts'
import type { Connection } from './rule-match.ts'

/** One connection that was observed, or one port that is listened on, by the policies in place. */
export interface JudgedConnection {
  readonly direction: Direction
  readonly protocol: string
  /** Of egress: an address, a block or a name, as the profile has it. */
  readonly peer?: string
  /** 0: not recorded. */
  readonly port: number
  readonly verdict: ConnectionVerdict
  readonly because: string
}

/**
 * The differences between the policies in place and the profile of an image. Plain data: `snug network-policy diff -o
 * json`.
 */
export interface NetworkDifference {
  readonly schema: 'snug.network-difference/v1'
  /** `repository@digest` */
  readonly image: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** Names of the policies that isolate the pods; none: nothing is refused in that direction. */
  readonly selectedBy: Readonly<Record<Direction, readonly string[]>>
  /** Connections that would be refused, first. */
  readonly connections: readonly JudgedConnection[]
  /** Allowances beyond the observed connections. */
  readonly allowances: readonly Allowance[]
  /** Notes that a reader needs. */
  readonly notes: readonly string[]
}

export function networkDifference(
  { image, allowed, seen, waiting }: Exportable,
  inPlace: InPlace,
  subject: Subject,
): NetworkDifference {
  const selecting = {
    ingress: isolating(inPlace.policies, subject, 'ingress'),
    egress: isolating(inPlace.policies, subject, 'egress'),
  }
  // Of drawn ports and ever new names those that were observed are looked at: they are among the others.
  const observed = allowed.filter(({ object }) => !isDrawn(object) && !isWildcard(object))
  const out = egressOf(observed).map((egress) => {
    return { ...egress, direction: 'egress' as const, to: egressConnection(egress, inPlace) }
  })
  const into = ingressOf(observed).map((ingress) => {
    return { ...ingress, direction: 'ingress' as const, to: ingressConnection(ingress) }
  })
  const connections = [...out, ...into].map(({ direction, protocol, port, to, ...rest }) => ({
    direction,
    protocol,
    ...('peer' in rest ? { peer: rest.peer } : {}),
    port,
    ...judgeConnection(selecting[direction], to, direction),
  }))
  const seenOf: Readonly<Record<Direction, readonly Connection[]>> = {
    ingress: into.map(({ to }) => to),
    egress: out.map(({ to }) => to),
  }
  const watched = { ingress: seen.kinds.includes('listen'), egress: seen.kinds.includes('connect') }
  return {
    schema: 'snug.network-difference/v1',
    image: `${image.repository}@${image.digest}`,
    namespace: subject.namespace,
    labels: subject.labels,
    selectedBy: {
      ingress: selecting.ingress.map(({ name }) => name),
      egress: selecting.egress.map(({ name }) => name),
    },
    connections: connections.sort(
      (a, b) => connectionVerdicts.indexOf(a.verdict) - connectionVerdicts.indexOf(b.verdict),
    ),
    allowances: directions.flatMap((direction) =>
      watched[direction] ? allowancesOf(selecting[direction], seenOf[direction], direction) : [],
    ),
    notes: [
      ...directions
        .filter((direction) => selecting[direction].length === 0)
        .map((direction) => `no policy selects the pods for ${direction}: it refuses nothing`),
      ...directions
        .filter((direction) => !watched[direction])
        .map(
          (direction) =>
            `nobody watched for ${direction}: what is not in it may be done all the same`,
        ),
      ...unknownServices(egressOf(allowed), inPlace),
      ...waitingNote(waiting.filter(({ object }) => isOfNetwork(object.kind)).length),
      ...(inPlace.others.length === 0
        ? []
        : [`policies of other kinds are not judged: ${inPlace.others.join(', ')}`]),
    ],
  }
}

/** A name's port is that of its service, unless its pods were met themselves. */
function unknownServices(
  egress: readonly { readonly peer: string }[],
  { services }: InPlace,
): readonly string[] {
  const names = egress
    .map(({ peer }) => peer)
    .filter((peer) => !isAddress(peer) && !services.has(peer))
  if (names.length === 0) return []
  const all = [...new Set(names)].sort().join(', ')
  return [
    `the Service of ${all} was not given: its port is taken for that of its pods, and their labels are not known`,
  ]
}

function waitingNote(count: number): readonly string[] {
  if (count === 0) return []
  const verbs = count === 1 ? ['waits', 'is'] : ['wait', 'are']
  return [`${plural(count, 'act')} of the network ${verbs[0]} for review and ${verbs[1]} not in it`]
}

function isOfNetwork(kind: string): boolean {
  return kind === 'connect' || kind === 'listen'
}
