import { canonicalAddress } from '../../core/event/canonical.ts'
import type { WorkloadRef } from '../../core/event/event.ts'
import type { ContainerRole } from '../../core/event/event-words.ts'
import { utcTime } from '../../core/event/time.ts'
import type { ContainerIdentity } from '../../agent/pipeline/identity/identity.ts'
import { imageOf } from './image-id.ts'
import type { OwnerReference } from './object.ts'
import type { ContainerSpec, ContainerStatus, Pod } from './pod.ts'

/** A pod of this node, reduced to the fields that the agent uses. */
export interface PodView {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** By these its cgroups are named: its uid, and of a static pod the hash of its manifest. */
  readonly cgroupNames: readonly string[]
  readonly containers: readonly PodContainer[]
  /** By name: known before a container is made. */
  readonly asked: ReadonlyMap<string, AskedContainer>
  /** Every container that it asks for has been made: whatever else is in its cgroup is its sandbox. */
  readonly complete: boolean
  readonly labels: Readonly<Record<string, string>>
  /** From the first signal to the last when it is deleted. */
  readonly graceSeconds: number
  /** Its label {@link heldLabel} before an agent set that; empty: it had none. Absent: no agent did. */
  readonly heldBefore?: string
  /** Canonical; none where it has its host's. */
  readonly addresses: readonly string[]
  readonly workload: WorkloadRef
  /** Its runtime class, then what that stands for, once looked up; absent: the default of its node, not reported. */
  readonly runtime?: readonly string[]
  /** Still to be looked up: the owner of the owner. */
  readonly job?: string
}

export interface PodContainer {
  readonly id: string
  readonly running: boolean
  readonly identity: ContainerIdentity
}

/** A container as its pod asks for it. */
export interface AskedContainer {
  /** As in the pod's specification. */
  readonly image: string
  readonly rest: Omit<ContainerIdentity, 'id' | 'image' | 'imageId'>
}

/** A label of a pod with a held container: the level. */
export const heldLabel = 'snug.dev/held'
/** An annotation beside it. */
export const heldBefore = 'snug.dev/held-before'
const manifestHash = 'kubernetes.io/config.hash'

export function viewOf(pod: Pod): PodView {
  const { metadata, spec, status = {} } = pod
  const { uid, name, namespace = 'default', labels = {}, annotations = {} } = metadata
  const { [manifestHash]: hash, [heldBefore]: before } = annotations
  const owner = workloadOf(pod)
  const { runtimeClassName, terminationGracePeriodSeconds = 30 } = spec
  const rows = [
    ...rowsOf('init', spec.initContainers, status.initContainerStatuses),
    ...rowsOf(undefined, spec.containers, status.containerStatuses),
    ...rowsOf('ephemeral', spec.ephemeralContainers, status.ephemeralContainerStatuses),
  ]
  const addresses = addressesOf(pod)
  const about: PodFacts = { pod, labels, addresses, workload: owner.workload }
  return {
    uid,
    namespace,
    name,
    labels,
    graceSeconds: terminationGracePeriodSeconds,
    addresses,
    cgroupNames: hash === undefined ? [uid] : [uid, hash],
    containers: rows.flatMap((row) => containersOf(row, about)),
    asked: new Map(rows.map((row) => [row.spec.name, askedOf(row, about)])),
    ...(runtimeClassName === undefined ? {} : { runtime: [runtimeClassName] }),
    ...(before === undefined ? {} : { heldBefore: before }),
    complete: rows.length > 0 && rows.every(({ status: written }) => idsOf(written).length > 0),
    ...owner,
  }
}

interface Row {
  readonly role: ContainerRole | undefined
  readonly spec: ContainerSpec
  readonly status: ContainerStatus | undefined
}

function rowsOf(
  role: ContainerRole | undefined,
  specs: readonly ContainerSpec[] = [],
  statuses: readonly ContainerStatus[] = [],
): readonly Row[] {
  return specs.map((spec) => ({
    role: role === 'init' && spec.restartPolicy === 'Always' ? 'sidecar' : role,
    spec,
    status: statuses.find(({ name }) => name === spec.name),
  }))
}

interface PodFacts {
  readonly pod: Pod
  readonly labels: Readonly<Record<string, string>>
  readonly addresses: readonly string[]
  readonly workload: WorkloadRef
}

/** The container as it is now, and the one before it was restarted: its last events may still be on the way. */
function containersOf({ role, spec, status }: Row, about: PodFacts): readonly PodContainer[] {
  const image = imageOf(spec.image ?? '', status?.imageID ?? '')
  if (image === undefined || status === undefined) return []
  const { rest } = askedOf({ role, spec, status }, about)
  const current = idOf(status.containerID)
  return idsOf(status).map((id) => ({
    id,
    running: id === current && status.state?.running !== undefined,
    identity: {
      id,
      image,
      imageId: image.digest,
      ...rest,
      ...(id === current ? sinceOf(status) : {}),
    },
  }))
}

function sinceOf({ state }: ContainerStatus): Pick<ContainerIdentity, 'runsSince'> {
  const runsSince = utcTime(state?.running?.startedAt)
  return runsSince === undefined ? {} : { runsSince }
}

function askedOf({ role, spec }: Row, about: PodFacts): AskedContainer {
  const { pod, labels, addresses, workload } = about
  const { runtimeClassName } = pod.spec
  const user = spec.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
  return {
    image: spec.image ?? '',
    rest: {
      name: `${pod.metadata.name}/${spec.name}`,
      labels,
      workload,
      ...(role === undefined ? {} : { role }),
      entrypoint: spec.command === undefined ? [] : [...spec.command, ...(spec.args ?? [])],
      probes: probesOf(spec),
      declaredUser: user === undefined ? '' : String(user),
      ...(user === undefined ? {} : { user }),
      initInjected: false,
      ...(runtimeClassName === undefined ? {} : { runtime: [runtimeClassName] }),
      addresses,
      mounts: (spec.volumeMounts ?? []).map(({ mountPath }) => mountPath),
    },
  }
}

/**
 * A container that the runtime has made, before the pod's status names it. Undefined where the pod does not ask for it.
 *
 * @param imageRef as the runtime reports it
 */
export function madeOf(
  { asked, workload, runtime }: PodView,
  { id, name, imageRef }: { readonly id: string; readonly name: string; readonly imageRef: string },
): ContainerIdentity | undefined {
  const container = asked.get(name)
  const image = imageOf(container?.image ?? '', imageRef)
  if (container === undefined || image === undefined) return undefined
  const resolved = { workload, ...(runtime === undefined ? {} : { runtime }) }
  return { ...container.rest, ...resolved, id, image, imageId: image.digest }
}

/** The newest first. */
function idsOf(status: ContainerStatus | undefined): readonly string[] {
  const ids = [
    idOf(status?.containerID),
    idOf(status?.state?.terminated?.containerID),
    idOf(status?.lastState?.terminated?.containerID),
  ]
  return [...new Set(ids.filter((id) => id !== undefined))]
}

const idPattern = /^[a-z0-9-]+:\/\/([0-9a-f]{64})$/

function idOf(text: string | undefined): string | undefined {
  return idPattern.exec(text ?? '')?.[1]
}

/** Commands that the kubelet runs in the container: probes, and the postStart and preStop hooks. */
function probesOf(spec: ContainerSpec): readonly (readonly string[])[] {
  const handlers = [
    spec.livenessProbe,
    spec.readinessProbe,
    spec.startupProbe,
    spec.lifecycle?.postStart,
    spec.lifecycle?.preStop,
  ]
  const commands = handlers
    .map((handler) => handler?.exec?.command ?? [])
    .filter((command) => command.length > 0)
  return [...new Map(commands.map((command) => [command.join('\0'), command])).values()]
}

function addressesOf({ spec, status = {} }: Pod): readonly string[] {
  if (spec.hostNetwork === true) return []
  const written = status.podIPs?.map(({ ip }) => ip) ?? [status.podIP ?? '']
  return written.map((ip) => canonicalAddress(ip)).filter((address) => address !== undefined)
}

/** The label by which a Deployment distinguishes its ReplicaSets; their names end in it. */
const templateHash = 'pod-template-hash'

/** The workload of the pod, as an operator names it. */
function workloadOf({ metadata, spec }: Pod): Pick<PodView, 'workload' | 'job'> {
  const { name: pod, namespace = 'default', labels = {}, ownerReferences = [] } = metadata
  const owner: OwnerReference | undefined = ownerReferences.find(
    ({ controller }) => controller === true,
  )
  const of = (kind: string, name: string): WorkloadRef => ({ namespace, kind, name, pod })
  if (owner === undefined) return { workload: of('Pod', pod) }
  const { kind, name } = owner
  if (kind === 'ReplicaSet') {
    const suffix = `-${labels[templateHash] ?? ''}`
    if (suffix !== '-' && name.endsWith(suffix)) {
      return { workload: of('Deployment', name.slice(0, -suffix.length)) }
    }
  }
  // A static pod's mirror: one for each node, named after it.
  if (kind === 'Node') {
    return { workload: of('StaticPod', pod.replace(`-${spec.nodeName ?? ''}`, '')) }
  }
  return kind === 'Job' ? { workload: of(kind, name), job: name } : { workload: of(kind, name) }
}
