import { useState } from 'preact/hooks'
import type { ReviewCard } from '../../api/review-cards.ts'

export interface Seen {
  /** A decision on these was refused, because somebody else decided first. */
  readonly conflict: (cards: readonly ReviewCard[]) => void
  /** It has changed since the decision: look at it again. */
  readonly isChanged: (card: ReviewCard) => boolean
}

/** Cards that have changed since a decision on them, until the next decision. */
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

/** Identifies a card in its current state: it changes with its behaviours, and with each decision on one of its versions. */
export function revisionOf({ id, places }: ReviewCard): string {
  return [id, ...places.map(({ ref, revision }) => `${ref} ${revision}`)].join()
}
