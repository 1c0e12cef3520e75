import { isDnsPeer } from '../../core/behaviour/dns-name.ts'
import { stringify } from 'yaml'
import { type Allowed, appOf, type Exportable, type Exported, nameOf } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { blockOf, type Egress, egressOf, ingressOf, isAddress } from './network.ts'
import { filePaths, globOf, isGlob, isPath, programs, writes } from './paths.ts'

const labelNote = (app: string): string =>
  `the policy selects pods by the label \`app: ${app}\`: change it to your label`

/** A NetworkPolicy: where the service listens, and whom it talks to. */
export function networkPolicy(what: Exportable): Exported {
  const egress = egressOf(what.allowed)
  const app = appOf(what.image)
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: nameOf(what.image) },
    spec: {
      podSelector: { matchLabels: { app } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: ingressOf(what.allowed).map((port) => ({ ports: [port] })),
      egress: egress.map(egressRule),
    },
  }
  const named = egress.filter(({ peer }) => !isAddress(peer)).map(({ peer }) => peer)
  return {
    text: stringify(policy),
    notes: [
      labelNote(app),
      'the policy does not limit who connects to its ports',
      'the policy does not cover programs, loopback or unix sockets',
      ...(named.length === 0
        ? []
        : [
            `a policy cannot name ${[...new Set(named)].join(', ')}: their rule is for all of their namespace, or, without one, for any peer at that port`,
          ]),
    ],
  }
}

function egressRule({ peer, ...given }: Egress): object {
  const { protocol, port } = given
  const ports = port === 0 ? [{ protocol }] : [given]
  if (isAddress(peer)) return { to: [{ ipBlock: { cidr: blockOf(peer) } }], ports }
  const namespace = isDnsPeer(peer) ? undefined : peer.split('.')[1]
  if (namespace === undefined) return { ports }
  const matchLabels = { 'kubernetes.io/metadata.name': namespace }
  return { to: [{ namespaceSelector: { matchLabels } }], ports }
}

/** A KubeArmorPolicy that allows the learned behaviour; KubeArmor's default posture applies to the rest. */
export function kubeArmor(what: Exportable): Exported {
  const { allowed } = what
  const files = filePaths(allowed).filter(isPath)
  // It takes no path that ends in a slash but for a folder, and so not the root.
  const root = files.find(({ parts }) => globOf(parts) === '/')
  const literal = files.filter((file) => file !== root && !isGlob(file.parts))
  const patterns = files.filter(({ parts }) => isGlob(parts))
  const sourced = (actors: readonly string[]): object => {
    const paths = actors.filter((path) => path.startsWith('/')).map((path) => ({ path }))
    // The runtime starts the first program, so no program in the container does.
    return paths.length < actors.length || paths.length === 0 ? {} : { fromSource: paths }
  }
  const protocols = new Set(egressOf(allowed).map(({ protocol }) => protocol.toLowerCase()))
  for (const { protocol } of ingressOf(allowed)) protocols.add(protocol.toLowerCase())
  const app = appOf(what.image)
  const policy = {
    apiVersion: 'security.kubearmor.com/v1',
    kind: 'KubeArmorPolicy',
    metadata: { name: nameOf(what.image) },
    spec: {
      selector: { matchLabels: { app } },
      process: {
        matchPaths: programs(allowed)
          .filter(({ path }) => path.startsWith('/'))
          .map(({ path, actors }) => ({ path, ...sourced(actors) })),
      },
      file: {
        matchPaths: literal.map(({ parts, access, actors }) => ({
          path: globOf(parts),
          ...(writes(access) ? {} : { readOnly: true }),
          ...sourced(actors),
        })),
        ...(root === undefined
          ? {}
          : { matchDirectories: [{ dir: '/', readOnly: true, ...sourced(root.actors) }] }),
        matchPatterns: patterns.map(({ parts, access }) => ({
          pattern: globOf(parts),
          ...(writes(access) ? {} : { readOnly: true }),
        })),
      },
      capabilities: { matchCapabilities: capabilities(allowed) },
      network: { matchProtocols: [...protocols].sort().map((protocol) => ({ protocol })) },
      action: 'Allow',
    },
  }
  return {
    text: stringify(policy),
    notes: [
      labelNote(app),
      'KubeArmor refuses other actions only if the default posture of the namespace is `block`',
      'the policy does not separate users, applies patterns to every program, and has no addresses',
    ],
  }
}

function capabilities(allowed: readonly Allowed[]): readonly object[] {
  const names = allowed.flatMap(({ object }) => (object.kind === 'capability' ? [object.name] : []))
  const words = [...new Set(names)].map((name) => name.replace(/^CAP_/, '').toLowerCase())
  // Newer than its list of them.
  const known = words.filter((word) => !['bpf', 'perfmon', 'checkpoint_restore'].includes(word))
  return known.sort(compareText).map((capability) => ({ capability }))
}
