import { useState } from 'preact/hooks'
import type { ReviewCard } from '../../../engine/api/page-views.ts'

export interface Seen {
  /** A decision on these was refused, as somebody else was first. */
  readonly conflict: (cards: readonly ReviewCard[]) => void
  /** It stands otherwise than when it was decided on: to be looked at again. */
  readonly isChanged: (card: ReviewCard) => boolean
}

/** Which cards are not what they were when somebody decided on them, until they are decided on again. */
export function useSeen(): Seen {
  const [stale, setStale] = useState<ReadonlyMap<string, string>>(new Map())
  return {
    conflict: (cards) => {
      setStale(
        (before) =>
          new Map([...before, ...cards.map((card) => [card.key, revisionOf(card)] as const)]),
      )
    },
    isChanged: (card) => {
      const then = stale.get(card.key)
      return then !== undefined && then !== revisionOf(card)
    },
  }
}

/** Names a card as it stands: another once somebody decided on one of its versions. */
export function revisionOf({ key, places }: ReviewCard): string {
  return [key, ...places.map(({ ref, revision }) => `${ref} ${revision}`)].join()
}
