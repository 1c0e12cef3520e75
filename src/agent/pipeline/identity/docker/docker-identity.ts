import { canonicalAddress, canonicalRepository } from '../../../../core/event/canonical.ts'
import type { ImageRef, WorkloadRef } from '../../../../core/event/event.ts'
import { utcTime } from '../../../../core/event/time.ts'
import type { ContainerIdentity, PendingContainer, Rootfs } from '../identity.ts'
import { parseImageReference } from '../image-reference.ts'
import { labelsOfTool } from '../tool-labels.ts'

/**
 * The members that the agent reads from the engine's answer. Other engine versions may omit some.
 */
export interface DockerContainer {
  readonly Id: string
  readonly Name?: string
  /** The image's id. */
  readonly Image: string
  readonly Path?: string
  readonly Args?: readonly string[] | null
  readonly Config?: {
    readonly Image?: string
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly User?: string
    readonly Shell?: readonly string[] | null
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null
  } | null
  readonly HostConfig?: { readonly Init?: boolean | null; readonly Runtime?: string } | null
  readonly State?: { readonly Running?: boolean; readonly StartedAt?: string }
  readonly Mounts?: readonly { readonly Destination: string }[] | null
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<
      Record<string, { readonly IPAddress?: string; readonly GlobalIPv6Address?: string }>
    > | null
  } | null
  readonly GraphDriver?: {
    readonly Name?: string
    readonly Data?: Readonly<Record<string, string>> | null
  } | null
}

export interface DockerImage {
  readonly Id?: string
  readonly Config?: {
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly User?: string
    readonly Shell?: readonly string[] | null
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null
  } | null
  readonly RepoTags?: readonly string[] | null
  readonly RepoDigests?: readonly string[] | null
}

/**
 * Converts the engine's description of a container and its image to an identity. `image` is absent
 * if the image was removed.
 *
 * @param runtime see {@link ContainerIdentity.runtime}
 */
export function identityOf(
  container: DockerContainer,
  image: DockerImage | undefined,
  runtime?: readonly string[],
): ContainerIdentity {
  const { Config, HostConfig, State } = container
  const labels = Config?.Labels ?? {}
  const workload = composeWorkload(labels, image === undefined ? undefined : labelsOf(image))
  const probes = probesOf(Config?.Healthcheck?.Test, Config?.Shell)
  const rootfs = rootfsOf(container)
  const runsSince = State?.Running === true ? utcTime(State.StartedAt) : undefined
  return {
    id: container.Id,
    name: (container.Name ?? '').replace(/^\//, ''),
    image: imageRefOf(Config?.Image ?? '', container.Image, image),
    imageId: container.Image,
    labels,
    entrypoint: container.Path === undefined ? [] : [container.Path, ...(container.Args ?? [])],
    declaredUser: Config?.User ?? '',
    initInjected: HostConfig?.Init === true,
    addresses: addressesOf(container),
    mounts: (container.Mounts ?? []).map((mount) => mount.Destination),
    ...(workload === undefined ? {} : { workload }),
    ...(probes === undefined ? {} : { probes }),
    ...(rootfs === undefined ? {} : { rootfs }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(runsSince === undefined ? {} : { runsSince }),
  }
}

/**
 * A container's expected identity, from its image. It lacks a health check or init that was set for
 * the container itself. Undefined if the image has none.
 */
export function pendingContainerOf(
  id: string,
  typed: string,
  image: DockerImage | undefined,
  attributes: Readonly<Record<string, string>> = {},
): PendingContainer | undefined {
  if (image?.Id === undefined) return undefined
  const workload = composeWorkload(attributes, labelsOf(image))
  const probes = probesOf(image.Config?.Healthcheck?.Test, image.Config?.Shell)
  return {
    id,
    image: imageRefOf(typed, image.Id, image),
    imageId: image.Id,
    initInjected: false,
    ...(workload === undefined ? {} : { workload }),
    ...(probes === undefined ? {} : { probes }),
  }
}

/** The facts that the engine reported about a container that was removed before a query. */
export function removedIdentityOf(
  made: PendingContainer,
  attributes: Readonly<Record<string, string>>,
  image: DockerImage | undefined,
): ContainerIdentity {
  // The engine adds the name and the image to the labels.
  const { name = '', image: _, ...labels } = attributes
  return {
    ...made,
    name,
    labels,
    entrypoint: [],
    declaredUser: image?.Config?.User ?? '',
    addresses: [],
    mounts: [],
  }
}

export function imageRefOf(
  typed: string,
  imageId: string,
  image: DockerImage | undefined,
): ImageRef {
  const first = image?.RepoTags?.[0] ?? image?.RepoDigests?.[0]
  const named =
    parseImageReference(typed) ?? (first === undefined ? undefined : parseImageReference(first))
  if (named === undefined) {
    return { repository: imageId.replace(/^sha256:/, '').slice(0, 12), digest: imageId }
  }
  return {
    repository: named.repository,
    ...(named.tag === undefined ? {} : { tag: named.tag }),
    digest: named.digest ?? repositoryDigest(named.repository, image) ?? imageId,
  }
}

function repositoryDigest(repository: string, image: DockerImage | undefined): string | undefined {
  for (const known of image?.RepoDigests ?? []) {
    const at = known.indexOf('@')
    if (canonicalRepository(known.slice(0, at)) === repository) return known.slice(at + 1)
  }
  return undefined
}

export function composeWorkload(
  labels: Readonly<Record<string, string>>,
  imageLabels: Readonly<Record<string, string>> | undefined,
): WorkloadRef | undefined {
  const own = labelsOfTool('com.docker.compose.', labels, imageLabels)
  const name = own['com.docker.compose.service']
  const namespace = own['com.docker.compose.project']
  if (name === undefined) return undefined
  return { kind: 'ComposeService', name, ...(namespace === undefined ? {} : { namespace }) }
}

function labelsOf(image: DockerImage): Readonly<Record<string, string>> {
  return image.Config?.Labels ?? {}
}

function probesOf(
  test: readonly string[] | null | undefined,
  shell: readonly string[] | null | undefined,
): readonly (readonly string[])[] | undefined {
  const [how, ...command] = test ?? []
  if (how === 'CMD') return [command]
  // The shell that the image declares (SHELL in its Dockerfile), as the engine uses it.
  if (how === 'CMD-SHELL') return [[...(shell ?? ['/bin/sh', '-c']), ...command]]
  return undefined
}

function addressesOf(container: DockerContainer): string[] {
  const networks = Object.values(container.NetworkSettings?.Networks ?? {})
  return networks
    .flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress ?? '', GlobalIPv6Address ?? ''])
    .map((address) => canonicalAddress(address))
    .filter((address) => address !== undefined)
}

/** The drivers of Docker and Podman that report layers as folders. */
const overlays: readonly unknown[] = ['overlay2', 'overlay']

/** Other drivers give undefined instead of a guess. */
function rootfsOf(container: DockerContainer): Rootfs | undefined {
  const { Name, Data } = container.GraphDriver ?? {}
  const upper = Data?.['UpperDir']
  const lower = Data?.['LowerDir']
  if (!overlays.includes(Name) || upper === undefined || lower === undefined) {
    return undefined
  }
  // The engine's own layer, with /etc/hosts and similar files, is not part of the image.
  const layers = lower.split(':').filter((layer) => !layer.endsWith('-init/diff'))
  return { upper, layers }
}
