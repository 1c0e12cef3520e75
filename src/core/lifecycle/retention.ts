import type { Version } from './version.ts'

/** How many versions of a lineage are kept, and how long after their last event. */
export interface RetentionRules {
  readonly versions: number
  readonly ageMs: number
}

/** The facts about a version that decide whether it may be removed. */
export interface RetainedVersion {
  readonly life: Version
  /** Its containers that run now. */
  readonly running: number
  /** RFC 3339 */
  readonly firstSeen: string
  readonly lastSeen: string
  /** A person approved it as a whole, or set its mode. */
  readonly isDecided: boolean
}

export interface Outdated<V> {
  readonly version: V
  /** A sentence for the audit log. */
  readonly because: string
}

/** Why nobody may remove the version, not even a person; undefined where it may be removed. */
export function removalRefusal(
  version: RetainedVersion,
  lineage: readonly RetainedVersion[],
): string | undefined {
  const { life, running } = version
  if (running > 0) return running === 1 ? 'a container of it runs' : `${running} containers run`
  if (life.mode === 'block') return 'it blocks: set its mode to `alert` first'
  const newest = newestOf(lineage)
  const successor = lineage.find((later) => {
    if (later === version || later.life.predecessor !== life.digest) return false
    const { state } = later.life
    return state === 'learning' || (later === newest && state !== 'enforced')
  })
  if (successor === undefined) return undefined
  return `new behaviour of the later version \`${successor.life.digest}\` is compared with it`
}

/**
 * The versions of a lineage that are to be removed: those beyond the number, by their last event,
 * and those whose last event is too old. It never includes the newest version, the newest enforced
 * one, to which a rollback returns, or one that a person decided on.
 */
export function outdatedOf<V extends RetainedVersion>(
  lineage: readonly V[],
  { versions, ageMs }: RetentionRules,
  nowMs: number,
): readonly Outdated<V>[] {
  const newest = newestOf(lineage)
  const inForce = newestOf(lineage.filter(({ life }) => life.state === 'enforced'))
  return [...lineage]
    .sort((a, b) => lastMs(b) - lastMs(a))
    .map((version, at) => ({ version, because: whyOutdated(at, nowMs - lastMs(version)) }))
    .filter((found): found is Outdated<V> => {
      const { version, because } = found
      if (because === undefined || version.isDecided) return false
      if (version === newest || version === inForce) return false
      return removalRefusal(version, lineage) === undefined
    })

  function whyOutdated(at: number, silentMs: number): string | undefined {
    if (at >= versions) return `${versions} versions of its lineage were seen later`
    return silentMs > ageMs ? `its last event was ${days(silentMs)} days ago` : undefined
  }
}

/**
 * The `count` versions that were not seen for the longest time, for want of room: also the newest
 * of a lineage. It never includes a version that runs or blocks, or that a person decided on.
 */
export function leastRecent<V extends RetainedVersion>(
  versions: Iterable<V>,
  count: number,
): readonly V[] {
  return [...versions]
    .filter(({ running, life, isDecided }) => running === 0 && life.mode !== 'block' && !isDecided)
    .sort((a, b) => lastMs(a) - lastMs(b))
    .slice(0, count)
}

function newestOf<V extends RetainedVersion>(versions: readonly V[]): V | undefined {
  let newest: V | undefined
  for (const version of versions) {
    if (newest === undefined || version.firstSeen >= newest.firstSeen) newest = version
  }
  return newest
}

/** A recording may have events that are older than the version. */
function lastMs({ lastSeen, life }: RetainedVersion): number {
  return Math.max(Date.parse(lastSeen), life.learningSince)
}

function days(ms: number): number {
  return Math.floor(ms / 86_400_000)
}
