import { z } from 'zod'
import { SnugError } from '../../errors.ts'

/** A profile that a vendor ships with a release: Kubescape's, for one container. */
export interface ShippedProfile {
  readonly name: string
  /** It has the annotation of a signature, which nothing here has verified. */
  readonly signed: boolean
  readonly spec: ShippedSpec
}

const text = z.string().min(1).max(4_096)
/** Go writes an empty list as null. */
const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((list) => list ?? [])
const labels = z.looseObject({}).nullish()

const neighbour = z.looseObject({
  type: z.string().optional(),
  dns: z.string().nullish(),
  dnsNames: listOf(text),
  ipAddress: z.string().nullish(),
  ipAddresses: listOf(text),
  podSelector: labels,
  namespaceSelector: labels,
  ports: listOf(
    z.looseObject({ port: z.int().min(0).max(65_535).nullish(), protocol: z.string().optional() }),
  ),
})

const members = {
  execs: listOf(z.looseObject({ path: text, args: listOf(z.string()) })),
  opens: listOf(
    z.looseObject({ path: text, flags: listOf(z.string().regex(/^O_[A-Z]+$/, 'is no open flag')) }),
  ),
  capabilities: listOf(z.string().regex(/^CAP_[A-Z_]+$/, 'is no capability')),
  syscalls: listOf(z.string()),
  endpoints: listOf(z.unknown()),
  rulePolicies: z.looseObject({}).nullish(),
  /** `repository@sha256:…` */
  imageID: z.string().nullish(),
  imageTag: z.string().nullish(),
}
const ofContainer = z.looseObject({ name: text, ...members })
const ofProfile = z.looseObject({
  ...members,
  ingress: listOf(neighbour),
  egress: listOf(neighbour),
})
const metadata = z.looseObject({
  name: text,
  annotations: z.record(z.string(), z.unknown()).nullish(),
})
const apiVersion = z
  .string()
  .startsWith('spdx.softwarecomposition.kubescape.io/', 'is not that of a profile of Kubescape')

const schema = z.discriminatedUnion('kind', [
  z.looseObject({ apiVersion, kind: z.literal('ContainerProfile'), metadata, spec: ofProfile }),
  z.looseObject({
    apiVersion,
    kind: z.literal('ApplicationProfile'),
    metadata,
    spec: z.looseObject({
      containers: listOf(ofContainer),
      initContainers: listOf(ofContainer),
      ephemeralContainers: listOf(ofContainer),
    }),
  }),
])

export type ShippedSpec = z.output<typeof ofProfile>
export type Neighbour = z.output<typeof neighbour>

/**
 * Reads a `ContainerProfile`, which is the form of a Software Bill of Behavior, or one container of an
 * `ApplicationProfile`. Unknown members are ignored.
 *
 * @param container needed where an ApplicationProfile has several
 *
 * Errors: `PROFILE_INVALID`, with the member.
 */
export function parseShippedProfile(value: unknown, container?: string): ShippedProfile {
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue === undefined ? '' : issue.path.join('.')
    throw invalid(`\`${where}\`: ${issue?.message ?? 'is invalid'}`)
  }
  const { data } = parsed
  const { name, annotations } = data.metadata
  const signed = Object.keys(annotations ?? {}).some((key) =>
    key.startsWith('signature.kubescape.io/'),
  )
  if (data.kind === 'ContainerProfile') return { name, signed, spec: data.spec }
  const { containers, initContainers, ephemeralContainers } = data.spec
  const all = [...containers, ...initContainers, ...ephemeralContainers]
  const chosen = all.filter((each) => container === undefined || each.name === container)
  const [one] = chosen
  if (one === undefined || chosen.length > 1) {
    const names = all.map((each) => `\`${each.name}\``).join(', ')
    throw invalid(
      `name one container with \`--container\`: ${names === '' ? 'it has none' : names}`,
    )
  }
  // Connections are in another object of Kubescape, the NetworkNeighborhood.
  return { name: `${name}/${one.name}`, signed, spec: { ...one, ingress: [], egress: [] } }
}

function invalid(message: string): SnugError {
  return new SnugError('PROFILE_INVALID', message)
}
