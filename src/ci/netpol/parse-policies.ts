import type {
  V1IPBlock,
  V1LabelSelector,
  V1LabelSelectorRequirement,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyIngressRule,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1NetworkPolicySpec,
  V1ObjectMeta,
  V1ServicePort,
  V1ServiceSpec,
} from '@kubernetes/client-node'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { MembersOf, SomeMembersOf } from '../../fleet/kubernetes/object.ts'
import { parseBlock } from '../../core/behaviour/address-block.ts'
import {
  type Direction,
  type NetworkPolicy,
  type PolicyPeer,
  type PolicyPort,
  type PolicyRule,
  protocols,
} from './network-policy.ts'
import { operators } from './selector.ts'

/** The given objects of the cluster. */
export interface InPlace {
  readonly policies: readonly NetworkPolicy[]
  /** Labels of namespaces, by name. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** By `name.namespace`. */
  readonly services: ReadonlyMap<string, Service>
  /** Policies of unsupported kinds: `CiliumNetworkPolicy shop/web`. */
  readonly others: readonly string[]
}

export interface Service {
  /** Labels that its pods have among others; absent: its endpoints need not be pods. */
  readonly selector?: Readonly<Record<string, string>>
  readonly ports: readonly {
    readonly protocol: string
    readonly port: number
    readonly targetPort?: number | string | undefined
  }[]
}

const text = z.string().min(1)
/** kubectl prints `null` where a template left nothing. */
const maybe = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((given) => given ?? undefined)
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((given) => given ?? {})
const selector = maybe(
  z.strictObject({
    matchLabels: labels,
    matchExpressions: listOf(
      z.strictObject({
        key: text,
        operator: z.enum(operators),
        values: listOf(z.string()),
      } satisfies MembersOf<V1LabelSelectorRequirement>),
    ),
  } satisfies MembersOf<V1LabelSelector>),
)
const portNumber = z.int().min(1).max(65_535)
const port = z
  .strictObject({
    protocol: maybe(z.enum(protocols)),
    port: maybe(z.union([portNumber, text])),
    endPort: maybe(portNumber),
  } satisfies MembersOf<V1NetworkPolicyPort>)
  .refine(({ port: first, endPort }) => {
    return endPort === undefined || (typeof first === 'number' && endPort >= first)
  }, 'endPort takes a port that is a number and not above it')
const cidr = text.refine((given) => parseBlock(given) !== undefined, 'is no block of addresses')
const peer = z
  .strictObject({
    ipBlock: maybe(z.strictObject({ cidr, except: listOf(cidr) } satisfies MembersOf<V1IPBlock>)),
    namespaceSelector: selector,
    podSelector: selector,
  } satisfies MembersOf<V1NetworkPolicyPeer>)
  .refine(({ ipBlock, namespaceSelector, podSelector }) => {
    return (
      (ipBlock === undefined) !== (namespaceSelector === undefined && podSelector === undefined)
    )
  }, 'a peer is either an ipBlock, or selectors')

const from = {
  from: listOf(peer),
  ports: listOf(port),
} satisfies MembersOf<V1NetworkPolicyIngressRule>
const to = { to: listOf(peer), ports: listOf(port) } satisfies MembersOf<V1NetworkPolicyEgressRule>

/** An unknown member may change the meaning of a policy, so it is refused. */
const policySpec = z.strictObject({
  podSelector: selector,
  policyTypes: listOf(z.enum(['Ingress', 'Egress'])),
  ingress: listOf(z.strictObject(from)),
  egress: listOf(z.strictObject(to)),
} satisfies MembersOf<V1NetworkPolicySpec>)
const metadata = z.looseObject({
  name: text,
  namespace: maybe(text),
  labels,
} satisfies SomeMembersOf<V1ObjectMeta>)
const service = z.looseObject({
  type: maybe(z.string()),
  selector: labels,
  ports: listOf(
    z.looseObject({
      protocol: maybe(z.string()),
      port: z.int(),
      targetPort: maybe(z.union([z.int(), z.string()])),
    } satisfies SomeMembersOf<V1ServicePort>),
  ),
} satisfies SomeMembersOf<V1ServiceSpec>)
const object = z.looseObject({ apiVersion: text, kind: text })

function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((given) => given ?? [])
}

/**
 * Objects as kubectl prints them, YAML or JSON, one by one or as a List: NetworkPolicies, and optionally Services and
 * Namespaces, which describe peers. Other kinds are skipped.
 *
 * Errors: NETWORK_POLICY_INVALID
 */
export function parseInPlace(source: string): InPlace {
  const policies: NetworkPolicy[] = []
  const namespaces = new Map<string, Readonly<Record<string, string>>>()
  const services = new Map<string, Service>()
  const others: string[] = []
  for (const each of documentsOf(source).flatMap(itemsOf)) {
    const { apiVersion, kind } = checked(object, each, 'an object')
    const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')))
    const named = () => checked(metadata, (each as { metadata?: unknown }).metadata, kind)
    if (kind === 'NetworkPolicy' && group === 'networking.k8s.io') {
      policies.push(policyOf(named(), (each as { spec?: unknown }).spec))
    } else if (kind === 'Namespace' && group === '') {
      const { name, labels: given } = named()
      // The API server sees to this one.
      namespaces.set(name, { ...given, 'kubernetes.io/metadata.name': name })
    } else if (kind === 'Service' && group === '') {
      const { name, namespace } = named()
      const of = `${name}.${namespace ?? 'default'}`
      services.set(of, serviceOf((each as { spec?: unknown }).spec, of))
    } else if (kind.endsWith('NetworkPolicy')) {
      const { name, namespace } = named()
      others.push(`${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`)
    }
  }
  return { policies, namespaces, services, others }
}

function documentsOf(source: string): readonly unknown[] {
  const documents = parseAllDocuments(source, { prettyErrors: false })
  if (!Array.isArray(documents)) return []
  return documents.map((document) => {
    const [problem] = document.errors
    if (problem !== undefined) throw invalid(problem.message.split('\n')[0] ?? 'is no YAML')
    try {
      return document.toJS({ maxAliasCount: 100 }) as unknown
    } catch (cause) {
      throw new SnugError('NETWORK_POLICY_INVALID', 'the file is no YAML', { cause })
    }
  })
}

function itemsOf(document: unknown): readonly unknown[] {
  if (document === null || typeof document !== 'object')
    return [document].filter((each) => each !== null)
  const { kind, items } = document as { readonly kind?: unknown; readonly items?: unknown }
  const isList = typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)
  if (!isList) return [document]
  // A list of one kind, as the API itself answers, has its kind in its own name.
  const { apiVersion } = document as { readonly apiVersion?: unknown }
  const each = kind.slice(0, -'List'.length)
  return each === '' ? items : items.map((item) => ({ apiVersion, kind: each, ...Object(item) }))
}

function policyOf(meta: z.infer<typeof metadata>, given: unknown): NetworkPolicy {
  const namespace = meta.namespace ?? 'default'
  const name = `${namespace}/${meta.name}`
  const spec = checked(policySpec, given, name)
  const ingress = spec.ingress.map(({ from, ports }) => ruleOf(from, ports))
  const egress = spec.egress.map(({ to, ports }) => ruleOf(to, ports))
  return {
    name,
    namespace,
    podSelector: spec.podSelector ?? { matchLabels: {}, matchExpressions: [] },
    types: typesOf(spec.policyTypes, egress.length > 0),
    ingress,
    egress,
  }
}

/** As the API server fills it in: always ingress, and egress where there is a rule for it. */
function typesOf(
  given: readonly ('Ingress' | 'Egress')[],
  hasEgress: boolean,
): readonly Direction[] {
  if (given.length === 0) return hasEgress ? ['ingress', 'egress'] : ['ingress']
  return given.map((type) => (type === 'Ingress' ? 'ingress' : 'egress'))
}

function ruleOf(
  peers: readonly z.infer<typeof peer>[],
  ports: readonly z.infer<typeof port>[],
): PolicyRule {
  return { peers: peers.map(peerOf), ports: ports.map(portOf) }
}

function peerOf({ ipBlock, namespaceSelector, podSelector }: z.infer<typeof peer>): PolicyPeer {
  if (ipBlock !== undefined) return { kind: 'block', cidr: ipBlock.cidr, except: ipBlock.except }
  return {
    kind: 'pods',
    ...(namespaceSelector === undefined ? {} : { namespaces: namespaceSelector }),
    ...(podSelector === undefined ? {} : { pods: podSelector }),
  }
}

function portOf({ protocol, port: first, endPort }: z.infer<typeof port>): PolicyPort {
  return {
    protocol: protocol ?? 'TCP',
    ...(first === undefined ? {} : { port: first }),
    ...(endPort === undefined ? {} : { endPort }),
  }
}

function serviceOf(given: unknown, name: string): Service {
  const spec = checked(service, given, name)
  const hasSelector = Object.keys(spec.selector).length > 0 && spec.type !== 'ExternalName'
  return {
    ...(hasSelector ? { selector: spec.selector } : {}),
    ports: spec.ports.map(({ protocol, port: called, targetPort }) => ({
      protocol: protocol ?? 'TCP',
      port: called,
      targetPort,
    })),
  }
}

function checked<T extends z.ZodType>(schema: T, value: unknown, of: string): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(`\`${of}\`: \`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'is invalid'}`)
}

function invalid(message: string): SnugError {
  return new SnugError('NETWORK_POLICY_INVALID', message)
}
