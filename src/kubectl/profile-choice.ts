import { SnugError } from '../errors.ts'
import { imageKey, lineageName } from '../core/event/image-key.ts'
import type { FleetImage } from '../fleet/fleet-image.ts'
import type { ImageProfile } from '../fleet/kubernetes/fleet-objects.ts'

/** Whether a profile is about containers of the namespace: by its scope, or because it is about all. */
export function isOfNamespace({ scope }: FleetImage, namespace: string | undefined): boolean {
  if (namespace === undefined || scope === undefined) return true
  return scope === namespace || scope.startsWith(`${namespace}/`)
}

/** Those that a listing shows, in the order of their names. */
export function profilesOf(
  profiles: readonly ImageProfile[],
  namespace: string | undefined,
): readonly ImageProfile[] {
  return profiles
    .filter(({ spec }) => isOfNamespace(spec.image, namespace))
    .sort((a, b) => (imageKey(a.spec.image) < imageKey(b.spec.image) ? -1 : 1))
}

/**
 * The one profile that `ref` names: the name of its object, or `repository`, `repository#scope` or either with
 * `@sha256:…`, of which a beginning is enough.
 *
 * Errors: PROFILE_UNKNOWN, PROFILE_AMBIGUOUS.
 */
export function chosenProfile(
  ref: string,
  profiles: readonly ImageProfile[],
  namespace: string | undefined,
): ImageProfile {
  const found = namedProfiles(ref, profiles, namespace)
  const [first, second] = found
  if (first === undefined) throw unknown(ref)
  if (second !== undefined) {
    const names = found.map(({ metadata }) => `\`${metadata.name}\``).join(', ')
    throw new SnugError('PROFILE_AMBIGUOUS', `\`${ref}\` names ${found.length} profiles: ${names}`)
  }
  return first
}

/** All that `ref` names, as {@link chosenProfile} reads it. */
export function namedProfiles(
  ref: string,
  profiles: readonly ImageProfile[],
  namespace: string | undefined,
): readonly ImageProfile[] {
  const byName = profiles.find(({ metadata }) => metadata.name === ref)
  if (byName !== undefined) return [byName]
  const [name = '', digest = ''] = ref.split('@')
  return profilesOf(profiles, namespace).filter(
    ({ spec: { image } }) =>
      (lineageName(image) === name || image.repository === name) && image.digest.startsWith(digest),
  )
}

function unknown(ref: string): SnugError {
  const hasTag = /:[^/]*$/.test(ref.split('@')[0] ?? '')
  const why = hasTag ? ': the cluster stores digests, no tags' : ''
  return new SnugError('PROFILE_UNKNOWN', `no profile \`${ref}\`${why}`)
}
