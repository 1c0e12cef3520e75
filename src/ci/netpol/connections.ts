import { blockOf, type Egress, type Ingress, isAddress } from '../../supplychain/export/network.ts'
import { parseBlock } from '../../core/behaviour/address-block.ts'
import type { InPlace, Service } from './parse-policies.ts'
import type { Connection, OtherSide } from './rule-match.ts'
import type { Labels } from './selector.ts'

const namespaceLabel = 'kubernetes.io/metadata.name'

/** A connection in the profile, with what the cluster's objects show about its peer. */
export function egressConnection({ protocol, peer, port }: Egress, inPlace: InPlace): Connection {
  const service = inPlace.services.get(peer)
  const text = port === 0 ? peer : `${peer}:${port}`
  return {
    protocol,
    text,
    other: otherSide(peer, service, inPlace),
    ...(port === 0 ? {} : podPort(service, protocol, port)),
  }
}

/** A port that the pods listen on. */
export function ingressConnection({ protocol, port }: Ingress): Connection {
  return { protocol, port, text: 'its own pods', other: { kind: 'anybody' } }
}

function otherSide(peer: string, service: Service | undefined, inPlace: InPlace): OtherSide {
  if (isAddress(peer)) {
    const block = parseBlock(blockOf(peer))
    return block === undefined ? { kind: 'name' } : { kind: 'block', block }
  }
  const [name, namespace, ...more] = peer.split('.')
  const isElsewhere = service !== undefined && service.selector === undefined
  if (!name || !namespace || more.length > 0 || isElsewhere) return { kind: 'name' }
  return {
    kind: 'pods',
    namespace,
    namespaceLabels: namespaceLabels(namespace, inPlace),
    labels: { known: service?.selector ?? {}, complete: false },
  }
}

function namespaceLabels(namespace: string, { namespaces }: InPlace): Labels {
  const known = namespaces.get(namespace)
  if (known !== undefined) return { known, complete: true }
  return { known: { [namespaceLabel]: namespace }, complete: false }
}

/** Policies are about the port of the pod, which can be another one than that of its service. */
function podPort(
  service: Service | undefined,
  protocol: string,
  port: number,
): Pick<Connection, 'port' | 'portName'> {
  const target = service?.ports.find((each) => each.protocol === protocol && each.port === port)
  const { targetPort } = target ?? {}
  if (typeof targetPort === 'string') return { portName: targetPort }
  return { port: targetPort ?? port }
}
