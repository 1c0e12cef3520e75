import { type Shown, type Starter, starterEntries } from '../../../core/lifecycle/starter.ts'
import type { ProfileEntry } from '../../../core/profile/profile-entry.ts'
import type { ImagePackages } from '../../../supplychain/image/packages.ts'
import type { DeployedVersion } from './deployed-version.ts'

/**
 * What starter profiles add to a version at the end of its window. Of what the version before passed on, nothing is
 * replaced.
 */
export function startersOf(
  version: DeployedVersion,
  starters: readonly Starter[],
  packages: Pick<ImagePackages, 'ownerOf'>,
): readonly ProfileEntry[] {
  const { profile, identity } = version
  if (identity === undefined) return []
  const shown: Shown[] = []
  const known = new Set<string>()
  for (const entry of profile.outline()) {
    if (entry.inherited !== undefined) known.add(entry.id)
    if (entry.isGranted) shown.push(entry)
  }
  const ownerOf = (path: string): string | undefined => packages.ownerOf(identity, path)?.name
  return starters
    .flatMap((starter) => starterEntries(starter, shown, ownerOf))
    .filter(({ id }) => !known.has(id))
}
