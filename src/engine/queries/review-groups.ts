import { lineageName } from '../../core/event/image-key.ts'
import { createHash } from 'node:crypto'
import { type Actor, type BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { compareText } from '../../core/profile/profile-entry.ts'
import { sorted, type Steps } from '../../core/steps.ts'
import { causeKey, kindKey } from '../../core/match/cause.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import type { ShownState } from '../api/engine-views.ts'
import type { CardGrouping } from '../api/page-views.ts'
import { revisionOf } from '../live/revision.ts'
import { isOpen } from './profile-graph.ts'
import { ExpectedPrograms, NewPrograms } from './new-programs.ts'

export type Entry = Readonly<LiveEntry>

/** A behaviour of one version that waits for a decision. */
export interface Waiting {
  readonly version: DeployedVersion
  /** Of the version, before its behaviours were looked at: a decision on an older state is refused. */
  readonly revision: string
  readonly entry: Entry
  readonly state: ShownState
  /** The version whose profile lacks it. */
  readonly before: DeployedVersion | undefined
}

/** What one decision covers. */
export interface ReviewGroup {
  readonly key: string
  readonly repository: string
  readonly grouping: CardGrouping
  /** A guardrail fired on all of it. */
  readonly guarded: boolean
  readonly members: readonly Waiting[]
  /** Of `program`: whether the program came with the card. */
  readonly isNew: (actor: Actor) => boolean
}

export type PredecessorOf = (version: DeployedVersion) => DeployedVersion | undefined

/** Everything that waits for a decision. Each behaviour of a version is in exactly one group. */
export function* groupsOf(
  versions: Iterable<DeployedVersion>,
  predecessorOf: PredecessorOf,
): Steps<readonly ReviewGroup[]> {
  const images = new Map<string, DeployedVersion[]>()
  for (const version of versions) {
    const name = lineageName(version.image)
    const known = images.get(name)
    if (known === undefined) images.set(name, [version])
    else known.push(version)
  }
  const groups: ReviewGroup[] = []
  for (const [repository, all] of images) {
    for (const group of yield* groupsOfImage(repository, all, predecessorOf)) groups.push(group)
  }
  return groups
}

function* groupsOfImage(
  repository: string,
  versions: readonly DeployedVersion[],
  predecessorOf: PredecessorOf,
): Steps<readonly ReviewGroup[]> {
  const parts: Parts[] = []
  const revisions: string[] = []
  for (const version of versions) {
    const parted = yield* partsOf(version, predecessorOf(version))
    parts.push(parted)
    revisions.push(parted.waiting.length === 0 ? '' : revisionOf([version]))
  }
  const [first] = versions
  const known = first && groupsKept.get(first)
  if (known !== undefined && isSame(known.parts, parts) && isSame(known.revisions, revisions)) {
    return known.groups
  }
  const waiting = versions.flatMap((version, at) => {
    const revision = revisions[at] ?? ''
    return (parts[at]?.waiting ?? []).map((each) => ({ version, revision, ...each }))
  })
  const groups = waiting.length === 0 ? [] : yield* grouped(repository, waiting, parts)
  if (first !== undefined) groupsKept.set(first, { parts, revisions, groups })
  return groups
}

/** Of the versions of an image, by the first of them. */
const groupsKept = new WeakMap<
  DeployedVersion,
  {
    readonly parts: readonly Parts[]
    readonly revisions: readonly string[]
    readonly groups: readonly ReviewGroup[]
  }
>()

function isSame<T>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((each, at) => each === others[at])
}

function* grouped(
  repository: string,
  waiting: readonly Waiting[],
  parts: readonly Parts[],
): Steps<readonly ReviewGroup[]> {
  const programs = NewPrograms.of(
    waiting.map(({ entry }) => entry),
    parts.map(({ expected }) => expected),
  )
  const isNew = (actor: Actor): boolean => programs.rootOf(actor.exe, actor.script) !== undefined
  const groups = new Map<string, ReviewGroup & { readonly members: Waiting[] }>()
  for (const each of waiting) {
    yield
    const guarded = each.state === 'quarantined'
    const { grouping, key: name } = groupingOf(each.entry, programs)
    const key = `${grouping}\u0000${guarded}\u0000${name}`
    const known = groups.get(key)
    if (known !== undefined) known.members.push(each)
    else {
      const members = [each]
      groups.set(key, {
        key: `${repository}\u0000${key}`,
        repository,
        grouping,
        guarded,
        members,
        isNew,
      })
    }
  }
  return [...groups.values()]
}

/** The behaviours of a version that wait, and those that are expected. */
interface Parts {
  /** Of what they follow from. */
  readonly changes: number
  readonly openings: number
  readonly state: DeployedVersion['life']['state']
  readonly before: DeployedVersion | undefined
  readonly changesBefore: number | undefined
  readonly waiting: readonly Pick<Waiting, 'entry' | 'state' | 'before'>[]
  readonly expected: ExpectedPrograms
}

/** A page asks again each minute, of versions that mostly stay as they are. */
const partsKept = new WeakMap<DeployedVersion, Parts>()

function* partsOf(version: DeployedVersion, before: DeployedVersion | undefined): Steps<Parts> {
  yield* version.profile.settleSteps()
  const { changes } = version.profile
  const changesBefore = before?.profile.changes
  const { state: life } = version.life
  const known = partsKept.get(version)
  if (
    known?.changes === changes &&
    // Of a parked profile, its entries of before are as they were.
    known.openings === version.profile.openings &&
    known.state === life &&
    known.before === before &&
    known.changesBefore === changesBefore
  ) {
    return known
  }
  const waiting: Pick<Waiting, 'entry' | 'state' | 'before'>[] = []
  const expected = new ExpectedPrograms()
  for (const entry of version.profile.outline()) {
    yield
    const { state } = entry
    if (isOpen(state)) waiting.push({ entry, state, before: version })
    else if (before !== undefined && isDelta(entry, state, version, before)) {
      waiting.push({ entry, state, before })
    } else if (state === 'learned' || state === 'approved') expected.add(entry)
  }
  const { openings } = version.profile
  const parts = { changes, openings, state: life, before, changesBefore, waiting, expected }
  partsKept.set(version, parts)
  return parts
}

/** A new version learned it, and its predecessor does not have it: nobody has reviewed it yet. */
function isDelta(
  entry: Entry,
  state: ShownState,
  { life }: DeployedVersion,
  before: DeployedVersion,
): boolean {
  if (life.state === 'enforced' || state !== 'learned') return false
  // Names in a place are decided on with the place.
  if (entry.within !== undefined) return false
  return entry.inherited === undefined && !before.profile.has(entry.id)
}

function groupingOf(
  entry: Entry,
  programs: NewPrograms,
): { readonly grouping: CardGrouping; readonly key: string } {
  const session = onlySession(entry)
  if (session !== undefined) return { grouping: 'session', key: session }
  const program = programs.rootFor(entry)
  if (program !== undefined) return { grouping: 'program', key: program }
  return { grouping: 'cause', key: kindKey(entry) ?? causeKey(entry) }
}

/** The container and session that alone showed it. */
function onlySession(entry: Entry): string | undefined {
  let only: string | undefined
  for (const { container, session } of entry.allCells()) {
    if (session === undefined) return undefined
    const name = `${container}\u0000${session}`
    if (only !== undefined && only !== name) return undefined
    only = name
  }
  return only
}

/** Its `key` for readers. */
export function publicKey({ key }: ReviewGroup): string {
  return digest([key])
}

/** Its `id` for readers: it stands for exactly these behaviours. */
export function* contentId({ key, members }: ReviewGroup): Steps<string> {
  const names = members.map(({ version, entry }) => `${version.key} ${entry.id}`)
  return digest([key, ...(yield* sorted(names, compareText))])
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
}

/** Whether the text is in one of its behaviours. */
export function* mentions({ members }: ReviewGroup, text: string): Steps<boolean> {
  for (const { entry } of members) {
    yield
    if (lineOf(entry).toLowerCase().includes(text)) return true
  }
  return false
}

function lineOf({ actor, object }: { readonly actor: Actor; readonly object: BehaviourObject }) {
  return `${actorText(actor)} ${objectLine(object)}`
}
