import { SnugError } from '../errors.ts'
import { imageKey, profileScopes, scopeOf } from '../core/event/image-key.ts'
import { isOver, type SharedHold } from '../core/lifecycle/shared-hold.ts'
import type { FleetImage } from '../fleet/fleet-image.ts'
import type { ImageProfile } from '../fleet/kubernetes/fleet-objects.ts'
import { type PodContainer, type PodView, viewOf } from '../fleet/kubernetes/pod-containers.ts'
import type { Pod } from '../fleet/kubernetes/pod.ts'
import { namedProfiles } from './profile-choice.ts'
import { profileOf } from './protection.ts'

/** A container that runs, and that a hold is for. */
export interface MatchedContainer {
  readonly pod: string
  readonly container: string
  readonly node: string
  readonly id: string
}

/** A node that reports its progress with a hold in its slice of the image. */
export interface Reporter {
  readonly node: string
  readonly image: FleetImage
}

/** What a hold is for, in which object it stands, and who reports. */
export interface HoldTarget {
  readonly profile: ImageProfile
  /** `NAMESPACE/POD`; absent: all containers of the version. */
  readonly pod?: string
  readonly containers: readonly MatchedContainer[]
  readonly reporters: readonly Reporter[]
}

/** Errors: PROFILE_UNKNOWN where no agent has published any of its images. */
export function podTarget(pod: Pod, profiles: readonly ImageProfile[]): HoldTarget {
  const view = viewOf(pod)
  const name = `${view.namespace}/${view.name}`
  // The service itself comes before what starts beside it.
  const all = view.containers
    .filter(({ identity }) => identity.role === undefined)
    .concat(view.containers.filter(({ identity }) => identity.role !== undefined))
  const profile = all
    .map(({ identity }) => profileOf(identity, profiles))
    .find((found) => found !== undefined)
  if (profile === undefined) {
    const images = [...new Set(all.map(({ identity: { image } }) => `\`${image.repository}\``))]
    const of = images.length === 0 ? '' : ` (${images.join(', ')})`
    const why = `no agent has published an image of the pod \`${name}\` yet${of}`
    throw new SnugError('PROFILE_UNKNOWN', why)
  }
  const node = pod.spec.nodeName ?? ''
  const containers = view.containers
    .filter(({ running }) => running)
    .map((container) => matched(view, container, node))
  const reporters = containers.length === 0 ? [] : [{ node, image: profile.spec.image }]
  return { profile, pod: name, containers, reporters }
}

/** @param pods all that may have containers of it */
export function imageTarget(
  profile: ImageProfile,
  pods: readonly Pod[],
  profiles: readonly ImageProfile[],
): HoldTarget {
  const { repository, digest, scope } = profile.spec.image
  const containers: MatchedContainer[] = []
  const reporters = new Map<string, Reporter>()
  for (const pod of pods) {
    const view = viewOf(pod)
    const node = pod.spec.nodeName ?? ''
    for (const container of view.containers) {
      const { image, workload } = container.identity
      const isIts = image.repository === repository && image.digest === digest
      const isInScope =
        scope === undefined || profileScopes.some((by) => scopeOf(by, workload) === scope)
      if (!container.running || !isIts || !isInScope) continue
      containers.push(matched(view, container, node))
      const published = profileOf(container.identity, profiles) ?? profile
      const reporter = { node, image: published.spec.image }
      reporters.set(`${node} ${imageKey(reporter.image)}`, reporter)
    }
  }
  return { profile, containers, reporters: [...reporters.values()] }
}

function matched(view: PodView, { id, identity }: PodContainer, node: string): MatchedContainer {
  const container = (identity.name ?? '').slice(view.name.length + 1)
  return { pod: `${view.namespace}/${view.name}`, container, node, id }
}

export interface OrderedHold {
  readonly profile: ImageProfile
  readonly hold: SharedHold
}

/**
 * Holds in effect that `text` names: the id of a hold, the beginning of a container's id, a pod, or an image.
 *
 * Errors: HOLD_UNKNOWN
 */
export function namedHolds(
  text: string,
  profiles: readonly ImageProfile[],
  of: { readonly podNamespace: string; readonly namespace: string | undefined },
  nowMs: number,
): readonly OrderedHold[] {
  const named = namedProfiles(text, profiles, of.namespace)
  const pods: readonly (string | undefined)[] = [text, `${of.podNamespace}/${text}`]
  const isContainer = /^[0-9a-f]{12,64}$/.test(text)
  const found = profiles.flatMap((profile) =>
    (profile.spec.holds ?? [])
      .filter((hold) => hold.released === undefined && !isOver(hold, nowMs))
      .filter(({ id, pod, container }) => {
        if (id === text) return true
        if (container !== undefined) return isContainer && container.startsWith(text)
        return pod === undefined ? named.includes(profile) : pods.includes(pod)
      })
      .map((hold) => ({ profile, hold })),
  )
  if (found.length > 0) return found
  throw new SnugError('HOLD_UNKNOWN', `nothing named \`${text}\` is held in the cluster`)
}
