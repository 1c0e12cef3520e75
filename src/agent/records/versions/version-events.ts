import { EventEmitter } from 'node:events'
import type { Transition, Version } from '../../../core/lifecycle/version.ts'
import type { ProfileEntry } from '../../../core/profile/profile-entry.ts'
import type { ContainerSeen } from '../../pipeline/sources/source.ts'
import type { DeployedVersion } from './deployed-version.ts'

interface Events {
  /**
   * A container runs, or its version has a new scope, which the kernel uses for the version's events. Without `seen` an
   * earlier report is still valid.
   */
  'container-started': [
    version: DeployedVersion,
    container: string,
    seen: ContainerSeen | undefined,
  ]
  'container-ended': [version: DeployedVersion, container: string]
  /** It expects other behaviours than before. */
  learned: [version: DeployedVersion]
  /** A decision was made on it; `expects`: the decision changed its expected behaviour. */
  decided: [version: DeployedVersion, expects: boolean]
  /** Its window ended or began again, or it went to another state or mode. */
  transition: [version: DeployedVersion, transition: Transition]
  /** State, mode, canary or break-glass changed. */
  'mode-changed': [version: DeployedVersion, before: Version]
  /** It no longer expects behaviours of its predecessor that it never showed. */
  'inherited-expired': [version: DeployedVersion, gone: readonly ProfileEntry[]]
  removed: [version: DeployedVersion]
  /** There are as many versions as are kept: some have to go before the next one. */
  full: []
}

/** What happens to versions, in order and at once. `src/agent/engine/version-owners.ts` has who acts on it. */
export class VersionEvents extends EventEmitter<Events> {}
