import { lineageName } from '../../core/event/image-key.ts'
import { createHash } from 'node:crypto'
import { type Actor, type BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { compareText } from '../../core/compare-text.ts'
import { sorted, type Steps } from '../../core/steps.ts'
import { causeKey, kindKey } from '../../core/match/cause.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { CardGrouping } from '../../api/terms.ts'
import { NewPrograms } from './new-programs.ts'
import { type Waiting, type WaitingOfVersion, waitingOf } from './waiting.ts'

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
  const parts: WaitingOfVersion[] = []
  for (const version of versions) parts.push(yield* waitingOf(version, predecessorOf(version)))
  const [first] = versions
  const known = first && groupsKept.get(first)
  if (known !== undefined && isSame(known.parts, parts)) return known.groups
  const waiting = parts.flatMap((part) => part.waiting)
  const groups = waiting.length === 0 ? [] : yield* grouped(repository, waiting, parts)
  if (first !== undefined) groupsKept.set(first, { parts, groups })
  return groups
}

/** Of the versions of an image, by the first of them. */
const groupsKept = new WeakMap<
  DeployedVersion,
  {
    readonly parts: readonly WaitingOfVersion[]
    readonly groups: readonly ReviewGroup[]
  }
>()

function isSame<T>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((each, at) => each === others[at])
}

function* grouped(
  repository: string,
  waiting: readonly Waiting[],
  parts: readonly WaitingOfVersion[],
): Steps<readonly ReviewGroup[]> {
  const programs = NewPrograms.of(
    waiting,
    parts.map(({ expected }) => expected),
  )
  const isNew = (actor: Actor): boolean => programs.rootOf(actor.exe, actor.script) !== undefined
  const groups = new Map<string, ReviewGroup & { readonly members: Waiting[] }>()
  for (const each of waiting) {
    yield
    const guarded = each.state === 'quarantined'
    const { grouping, key: name } = groupingOf(each, programs)
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

function groupingOf(
  waiting: Waiting,
  programs: NewPrograms,
): { readonly grouping: CardGrouping; readonly key: string } {
  const { onlySession } = waiting
  if (onlySession !== undefined) return { grouping: 'session', key: onlySession }
  const program = programs.rootFor(waiting)
  if (program !== undefined) return { grouping: 'program', key: program }
  return { grouping: 'cause', key: kindKey(waiting) ?? causeKey(waiting) }
}

/** Its `key` for readers. */
export function publicKey({ key }: ReviewGroup): string {
  return digest([key])
}

/** Its `id` for readers: it stands for exactly these behaviours. */
export function* contentId({ key, members }: ReviewGroup): Steps<string> {
  const names = members.map(({ version, id }) => `${version.key} ${id}`)
  return digest([key, ...(yield* sorted(names, compareText))])
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
}

/** Whether the text is in one of its behaviours. */
export function* mentions({ members }: ReviewGroup, text: string): Steps<boolean> {
  for (const member of members) {
    yield
    if (lineOf(member).toLowerCase().includes(text)) return true
  }
  return false
}

function lineOf({ actor, object }: { readonly actor: Actor; readonly object: BehaviourObject }) {
  return `${actorText(actor)} ${objectLine(object)}`
}
