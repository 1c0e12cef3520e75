import { CustomObjectsApi, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { SnugError } from '../../errors.ts'
import { asked, type KubeApi } from './api.ts'
import { fleetGroup, fleetRoot, fleetVersion, type ImageProfile } from './fleet-objects.ts'
import { parseImageProfile } from './fleet-schema.ts'
import { hasAnswered } from './kube-error.ts'

/** Writes that another writer came before. */
const mostTries = 5

const kind = { group: fleetGroup, version: fleetVersion, plural: 'imageprofiles' }

export interface ProfileDecision {
  /** Of the object. */
  readonly name: string
  /**
   * The changes to an object as it is now, each as a JSON merge patch of its `spec`; they follow each other, and each is a
   * generation of its own.
   */
  readonly steps: (profile: ImageProfile) => readonly object[]
  /** Author of the decision in the object. */
  readonly fieldManager: string
}

/**
 * Changes the decisions in an object. Of two people who decide at the same time, the second one decides on what the first
 * one left: nothing is overwritten.
 *
 * Errors: PROFILE_OF_GIT, those of `steps`, and {@link KubeError}, also where others come first each time.
 */
export async function decideProfile(
  api: KubeApi,
  { name, steps, fieldManager }: ProfileDecision,
  signal: AbortSignal,
): Promise<ImageProfile> {
  const path = `${fleetRoot}/imageprofiles/${encodeURIComponent(name)}`
  for (let tries = 1; ; tries++) {
    const now = parseImageProfile((await api.list(path, {}, signal)) as ImageProfile)
    refuseGit(now)
    try {
      let changed = now
      for (const spec of steps(now)) {
        const { resourceVersion } = changed.metadata
        const body = { metadata: { resourceVersion }, spec }
        const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
        const objects = api.client(CustomObjectsApi)
        const what = { ...kind, name, body, fieldManager }
        const patched = await asked(objects.patchClusterCustomObject(what, merge))
        changed = parseImageProfile(patched as ImageProfile)
      }
      return changed
    } catch (error) {
      if (!hasAnswered(error, 409) || tries === mostTries) throw error
    }
  }
}

/**
 * Where git decides, a change here would count as one of git, until git writes its own again.
 *
 * Errors: PROFILE_OF_GIT.
 */
export function refuseGit({ spec, metadata }: ImageProfile): void {
  if (spec.authority !== 'git') return
  throw new SnugError('PROFILE_OF_GIT', `\`${metadata.name}\` has the authority \`git\``)
}
