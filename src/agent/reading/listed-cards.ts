import { LRUCache } from 'lru-cache'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { Steps } from '../../core/steps.ts'
import type { BehaviourState } from '../../core/profile/profile-entry.ts'
import type { DeployedVersion, VersionKey } from '../records/versions/deployed-version.ts'
import type { ReviewGroup } from './review-groups.ts'
import type { Waiting } from './waiting.ts'

/** About 10 MB, as ids are kept by reference. */
export const listedKept = 200_000

type Listed = Pick<ReviewGroup, 'key' | 'repository' | 'grouping'> & {
  readonly behaviours: ReadonlyMap<VersionKey, ReadonlySet<BehaviourId>>
}

/**
 * What the ids of cards stood for when readers got them. What arrives later, or is decided on, changes the cards; a
 * reader who decides by an earlier id decides on what that id showed. The least recently listed are forgotten first.
 */
export class ListedCards {
  readonly #cards = new LRUCache<string, Listed>({
    maxSize: listedKept,
    sizeCalculation: ({ behaviours }) => {
      let size = 1
      for (const ids of behaviours.values()) size += ids.size
      return size
    },
  })

  has(id: string): boolean {
    return this.#cards.has(id)
  }

  *remember(id: string, { key, repository, grouping, members }: ReviewGroup): Steps<void> {
    // The id stands for exactly these behaviours.
    if (this.#cards.get(id) !== undefined) return
    const behaviours = new Map<VersionKey, Set<BehaviourId>>()
    for (const { version, id: each } of members) {
      yield
      const ids = behaviours.get(version.key)
      if (ids === undefined) behaviours.set(version.key, new Set([each]))
      else ids.add(each)
    }
    this.#cards.set(id, { key, repository, grouping, behaviours })
  }

  /** What still waits of an earlier card, wherever it is now. Undefined where nothing of it waits. */
  *stillWaiting(id: string, groups: readonly ReviewGroup[]): Steps<ReviewGroup | undefined> {
    const listed = this.#cards.get(id)
    if (listed === undefined) return undefined
    const { behaviours, ...card } = listed
    const own = groups.filter(({ repository }) => repository === card.repository)
    // Versions stay in their order.
    const found = new Map<VersionKey, Waiting[]>([...behaviours.keys()].map((key) => [key, []]))
    for (const { members } of own) {
      for (const member of members) {
        yield
        const { key } = member.version
        if (behaviours.get(key)?.has(member.id)) found.get(key)?.push(member)
      }
    }
    const members = [...found.values()].flat()
    const [group] = own
    if (group === undefined || members.length === 0) return undefined
    const guarded = members.every(({ state }) => state === 'quarantined')
    return { ...card, guarded, members, isNew: group.isNew }
  }

  /** What became of an earlier card: how many of its behaviours have which state. */
  *outcome(id: string, versions: Iterable<DeployedVersion>): Steps<string> {
    const states = new Map<BehaviourState | 'no longer in the profile', number>()
    const byKey = new Map([...versions].map((version) => [version.key, version]))
    for (const [key, ids] of this.#cards.get(id)?.behaviours ?? []) {
      for (const each of ids) {
        yield
        const state = byKey.get(key)?.profile.state(each) ?? 'no longer in the profile'
        states.set(state, (states.get(state) ?? 0) + 1)
      }
    }
    return [...states].map(([state, count]) => `${count} ${state}`).join(', ')
  }
}
