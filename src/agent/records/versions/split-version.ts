import type { ImageRef } from '../../../core/event/event.ts'
import type { Profile } from '../../../core/profile/profile.ts'
import { addName, DeployedVersion } from './deployed-version.ts'

/**
 * The version of one scope as it stands where all scopes had one profile until now: the same evidence, decisions and
 * mode, so that an upgrade neither stops blocking nor forgets.
 */
export function splitFrom(
  all: DeployedVersion,
  image: ImageRef,
  profile: Profile,
  time: string,
): DeployedVersion {
  const version = new DeployedVersion(image, all.life, profile, time)
  for (const tag of all.tags) addName(version.tags, tag)
  for (const uid of all.declaredUsers) version.declaredUsers.add(uid)
  for (const kind of all.alertedKinds) version.alertedKinds.add(kind)
  version.inherited = all.inherited
  version.learnedSize = all.learnedSize
  version.observed = all.observed
  version.observedBefore = all.observedBefore
  version.modeDecisions = all.modeDecisions
  version.scan = all.scan
  version.scanChanged = all.scan !== undefined
  return version
}
