import type { Steps } from '../../core/steps.ts'
import { exportableSteps } from '../../supplychain/export/allowed.ts'
import { watchedKinds } from '../../supplychain/export/export-profile.ts'
import { type RootNeed, rootNeedSteps } from '../../supplychain/export/root-need.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'

/** Whether the version's containers run as root and need to, as far as its evidence goes. */
export function* rootView(
  version: DeployedVersion,
  registry: VersionRegistry,
  nowMs: number,
): Steps<RootNeed> {
  const { image, profile, observed } = version
  const doubts = yield* doubtsOf(version, registry, nowMs)
  const what = yield* exportableSteps(image, profile, watchedKinds(observed), doubts)
  return yield* rootNeedSteps(what)
}

/** Caveats for each conclusion from that evidence: its gaps and its quality. */
export function* doubtsOf(
  version: DeployedVersion,
  registry: VersionRegistry,
  nowMs: number,
): Steps<readonly string[]> {
  const { coverage } = yield* registry.lifecycle.evidenceSteps(version, nowMs)
  const { state } = version.life
  return [
    ...(state === 'learning' ? ['the version is still learning'] : []),
    ...(state === 'incomplete' ? ['its evidence has holes'] : []),
    coverage.sentence,
  ]
}
