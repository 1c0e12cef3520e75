import type { ImageRef } from '../../../core/event/event.ts'
import { lineageName, unscoped } from '../../../core/event/image-key.ts'
import { passedOn } from '../../../core/lifecycle/inheritance.ts'
import { Profile } from '../../../core/profile/profile.ts'
import type { Shaper } from '../../../core/behaviour/shape.ts'
import { finish, type Steps } from '../../../core/steps.ts'
import { type DeployedVersion, type VersionKey, versionKey } from './deployed-version.ts'
import type { VersionIndex } from './version-index.ts'

/** What a new version inherits, of its predecessor as it was at that revision. */
interface Prepared {
  readonly origin: Origin
  readonly revision: number
  readonly profile: Profile
}

/** Whose profile a new version begins with. */
export interface Origin {
  readonly version: DeployedVersion
  /**
   * `all`: the same image, before its profile was split by scope. The new version goes on as it stands.
   * `predecessor`: an earlier image of the lineage, which is the prior.
   */
  readonly as: 'all' | 'predecessor'
}

function isPrepared(prepared: Prepared | undefined, { version, as }: Origin): prepared is Prepared {
  const { origin, revision } = prepared ?? {}
  return origin?.version === version && origin.as === as && revision === version.revision
}

/** What new versions begin with. */
export class VersionOrigins {
  readonly #index: VersionIndex
  readonly #shaper: Shaper
  /** Profiles of versions of which no container was judged yet. */
  readonly #prepared = new Map<VersionKey, Prepared>()

  constructor(index: VersionIndex, shaper: Shaper) {
    this.#index = index
    this.#shaper = shaper
  }

  of(image: ImageRef, imageId?: string): Origin | undefined {
    if (image.scope !== undefined) {
      const all = this.#index.ofImage(unscoped(image), imageId)
      // Half a window of all scopes together is no evidence of this one.
      if (all !== undefined && all.life.state !== 'learning') return { version: all, as: 'all' }
    }
    const before =
      this.#index.newestBefore(image, lineageName(image)) ?? this.#index.newestBefore(image)
    return before === undefined ? undefined : { version: before, as: 'predecessor' }
  }

  /**
   * Has a new version inherit before its first container is judged, where that is long work. Undefined: the version is
   * known, or inherits little.
   */
  prepare(image: ImageRef, imageId: string): Steps<void> | undefined {
    if (this.#index.ofImage(image, imageId) !== undefined) return undefined
    const origin = this.of(image, imageId)
    if (origin === undefined || origin.version.profile.size < preparedFrom) return undefined
    const key = versionKey(image)
    return isPrepared(this.#prepared.get(key), origin) ? undefined : this.#prepare(key, origin)
  }

  *#prepare(key: VersionKey, origin: Origin): Steps<void> {
    const { revision } = origin.version
    const profile = yield* this.#profileFrom(origin)
    this.#prepared.set(key, { origin, revision, profile })
    const [oldest] = this.#prepared.keys()
    if (this.#prepared.size > preparedKept && oldest !== undefined) this.#prepared.delete(oldest)
  }

  /** The profile that a version of that origin begins with. */
  profile(image: ImageRef, origin: Origin | undefined): Profile {
    const key = versionKey(image)
    const prepared = this.#prepared.get(key)
    this.#prepared.delete(key)
    if (origin === undefined) return new Profile(this.#shaper)
    return isPrepared(prepared, origin) ? prepared.profile : finish(this.#profileFrom(origin))
  }

  *#profileFrom({ version: { image, life, profile }, as }: Origin): Steps<Profile> {
    const predecessor = { digest: image.digest, windowDone: life.learnedAt !== undefined }
    const next = new Profile(this.#shaper)
    yield* profile.settleSteps()
    for (const entry of profile.outline()) {
      yield
      const prior = as === 'all' ? entry.toJSON() : passedOn(predecessor, entry.inheritable())
      if (prior !== undefined) next.merge([prior])
    }
    return next
  }
}

/** Behaviours of a predecessor from which on a new version inherits beside judging. */
const preparedFrom = 250
/** Profiles that are prepared, and whose first container was not judged yet. */
const preparedKept = 16
