import { exportableOf } from '../../supplychain/export/allowed.ts'
import { watchedKinds } from '../../supplychain/export/export-profile.ts'
import { rootNeed, type RootNeed } from '../../supplychain/export/root-need.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import type { VersionRegistry } from '../../state/versions/version-registry.ts'

/** Whether the version's containers run as root and need to, as far as its evidence goes. */
export function rootView(
  version: DeployedVersion,
  registry: VersionRegistry,
  nowMs: number,
): RootNeed {
  const { image, profile, observed } = version
  const doubts = doubtsOf(version, registry, nowMs)
  return rootNeed(exportableOf(image, profile, watchedKinds(observed), doubts))
}

/** Caveats for each conclusion from that evidence: its gaps and its quality. */
export function doubtsOf(
  version: DeployedVersion,
  registry: VersionRegistry,
  nowMs: number,
): readonly string[] {
  const { state } = version.life
  return [
    ...(state === 'learning' ? ['the version is still learning'] : []),
    ...(state === 'incomplete' ? ['its evidence has holes'] : []),
    registry.evidence(version, nowMs).coverage.sentence,
  ]
}
