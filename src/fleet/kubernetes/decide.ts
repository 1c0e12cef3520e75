import { CustomObjectsApi, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { SnugError } from '../../errors.ts'
import { asked, type KubeApi } from './api.ts'
import { fleetRoot, type ImageProfile, imageProfiles } from './fleet-objects.ts'
import { parseImageProfile } from './fleet-schema.ts'
import { hasAnswered } from './kube-error.ts'
import type { SpecChange } from './spec-change.ts'

/** Writes that another writer came before. */
const mostTries = 5

export interface ProfileDecision {
  /** Of the object. */
  readonly name: string
  readonly change: SpecChange
  /** Of the decision, and the field manager of what it changes. */
  readonly author: string
  /** Also in an object that git decides on: it does not state what is allowed. */
  readonly allowsNothing?: boolean
  /** Throws where the decision is about another state of the object. */
  readonly check?: (profile: ImageProfile) => void
}

/**
 * Changes the decisions in an object. Of two people who decide at the same time, the second one decides on what the first
 * one left: nothing is overwritten.
 *
 * It is a patch and no server-side apply: by an apply, a person would take back all that they decided before and do not
 * repeat. The server notes the author as the manager of the changed entries either way, and an apply from git leaves
 * entries of others alone.
 *
 * Errors: PROFILE_OF_GIT, those of `check`, and {@link KubeError}, also where others come first each time.
 */
export async function decideProfile(
  api: KubeApi,
  { name, change, author, allowsNothing = false, check }: ProfileDecision,
  signal: AbortSignal,
): Promise<ImageProfile> {
  const path = `${fleetRoot}/imageprofiles/${encodeURIComponent(name)}`
  const objects = api.client(CustomObjectsApi)
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
  for (let tries = 1; ; tries++) {
    const nowMs = Date.now()
    const now = parseImageProfile((await api.list(path, {}, signal)) as ImageProfile, nowMs)
    if (!allowsNothing) refuseGit(now)
    check?.(now)
    const { resourceVersion } = now.metadata
    const spec = change(now.spec, { by: author, at: new Date(nowMs).toISOString() })
    const what = { ...imageProfiles, name, body: { metadata: { resourceVersion }, spec } }
    try {
      const patched = objects.patchClusterCustomObject({ ...what, fieldManager: author }, merge)
      return parseImageProfile((await asked(patched)) as ImageProfile, nowMs)
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
