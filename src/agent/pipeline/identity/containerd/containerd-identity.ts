import { z } from 'zod'
import type { ImageRef, WorkloadRef } from '../../../../core/event/event.ts'
import { composeWorkload } from '../docker/docker-identity.ts'
import type { ContainerIdentity } from '../identity.ts'
import { parseImageReference } from '../image-reference.ts'
import { labelsOfTool } from '../tool-labels.ts'
import type { ContainerdContainer, decodeMessage } from './containerd-messages.ts'

/** What the agent reads of a manifest or an index of manifests. */
export const manifestSchema = z.object({
  config: z.object({ digest: z.string() }).optional(),
  manifests: z
    .array(
      z.object({
        digest: z.string(),
        platform: z.object({ architecture: z.string(), os: z.string() }).optional(),
      }),
    )
    .optional(),
})

/** What it reads of an image's configuration. */
export const configSchema = z.object({
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
})

const strings = z.array(z.string())
const specSchema = z.object({
  process: z
    .object({
      args: strings.nullish(),
      user: z.object({ uid: z.int().nonnegative().default(0) }).nullish(),
    })
    .nullish(),
  mounts: z.array(z.object({ destination: z.string(), type: z.string().optional() })).nullish(),
})

/** An image as containerd has it. */
export interface ContainerdImage {
  /** Of its index or manifest: the digest that a registry has for the name. */
  readonly target: string
  /** Of its configuration. */
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
}

/** Only an agent that asks containerd loads what reads its messages. */
type Decode = typeof decodeMessage

/** Undefined for a container without an image, such as those of Docker. */
export function containerdIdentity(
  { id, labels, image: typed, spec, runtime }: ContainerdContainer,
  image: ContainerdImage | undefined,
  decode: Decode,
): ContainerIdentity | undefined {
  const ref = imageRefOf(typed, image)
  if (ref === undefined || image === undefined) return undefined
  const { process, mounts } = specOf(spec?.value)
  const user = process?.user?.uid ?? 0
  const names = runtimeOf(runtime, decode)
  const kubelets = labelsOfTool('io.kubernetes.', labels, image.labels)
  const workload = podOf(kubelets) ?? composeWorkload(labels, image.labels)
  return {
    id,
    name:
      containerOfPod(kubelets) ??
      labelsOfTool('nerdctl/', labels, image.labels)['nerdctl/name'] ??
      id.slice(0, 12),
    image: ref,
    imageId: image.imageId,
    labels,
    entrypoint: process?.args ?? [],
    declaredUser: user === 0 ? '' : String(user),
    user,
    initInjected: false,
    addresses: [],
    mounts: (mounts ?? [])
      .filter(({ type }) => type === 'bind')
      .map(({ destination }) => destination),
    ...(workload === undefined ? {} : { workload }),
    ...(names === undefined ? {} : { runtime: names }),
  }
}

const runcShim = /^io\.containerd\.runc\./

/** The shim, and where that runs another program than runc, the program. */
function runtimeOf(
  runtime: ContainerdContainer['runtime'],
  decode: Decode,
): readonly string[] | undefined {
  if (runtime === null || runtime.name === '') return undefined
  const { name, options } = runtime
  if (options === null || !runcShim.test(name)) return [name]
  const { binaryName } = decode('RuncOptions', options.value)
  return binaryName === '' ? [name] : [name, binaryName]
}

/** The manifest of this host's platform, or the only one. */
export function manifestFor(
  index: z.output<typeof manifestSchema>,
  architecture: string,
): string | undefined {
  const { manifests = [] } = index
  const fits = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  )
  return fits?.digest ?? (manifests.length === 1 ? manifests[0]?.digest : undefined)
}

/** This process's architecture, as images name it. */
export function imageArchitecture(arch: string = process.arch): string {
  return arch === 'x64' ? 'amd64' : arch
}

function imageRefOf(typed: string, image: ContainerdImage | undefined): ImageRef | undefined {
  const named = parseImageReference(typed)
  if (named === undefined || image === undefined) return undefined
  return {
    repository: named.repository,
    ...(named.tag === undefined ? {} : { tag: named.tag }),
    digest: named.digest ?? image.target,
  }
}

function specOf(bytes: Uint8Array | undefined): z.output<typeof specSchema> {
  if (bytes === undefined || bytes.length === 0) return {}
  return specSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
}

function containerOfPod(labels: Readonly<Record<string, string>>): string | undefined {
  const pod = labels['io.kubernetes.pod.name']
  const container = labels['io.kubernetes.container.name']
  return pod === undefined || container === undefined ? pod : `${pod}/${container}`
}

function podOf(labels: Readonly<Record<string, string>>): WorkloadRef | undefined {
  const name = labels['io.kubernetes.pod.name']
  const namespace = labels['io.kubernetes.pod.namespace']
  if (name === undefined) return undefined
  return { kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) }
}
