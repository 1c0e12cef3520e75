import {
  bestHearing,
  type Hearing,
  type Hearings,
  heardWords,
  hearingsOf,
  type HeardWords,
} from '../../core/lifecycle/reported.ts'
import type { ModeWord } from '../../core/lifecycle/mode-decision.ts'

/** What a node says of a version beside its behaviours: with the first of its slices. */
export interface SliceHead {
  /** Since when the node's window has ended with nothing missing; RFC 3339. */
  readonly learnedAt?: string
  /** The latest that a person said of the mode at this node. */
  readonly mode?: ModeWord
  /** When words in the ImageProfile were said. */
  readonly heard?: Heard
}

interface Heard {
  /** Uid of the ImageProfile. */
  readonly profile: string
  readonly said: readonly HeardWords[]
}

/** What a node knows for its head, told or not. */
export interface HeadNews {
  readonly learnedAt?: string
  readonly mode?: ModeWord
  readonly heard?: { readonly profile: string; readonly said: Hearings }
}

/** Of several nodes, by the word. */
export function hearingsIn(
  heads: readonly SliceHead[],
  profile: string,
): ReadonlyMap<string, readonly Hearing[]> {
  const all = new Map<string, Hearing[]>()
  for (const { heard } of heads) {
    if (heard?.profile !== profile) continue
    for (const [word, hearing] of hearingsOf(heard.said)) {
      all.set(word, [...(all.get(word) ?? []), hearing])
    }
  }
  return all
}

/**
 * What a node's head is to be. What was said of the mode stays said, also where the node itself does not have it any more;
 * of when words were said it tells what no other tells as well.
 */
export function nextHead(
  { learnedAt, mode, heard }: HeadNews,
  told: SliceHead,
  others: readonly SliceHead[],
): SliceHead {
  const word = mode ?? told.mode
  const said =
    heard === undefined ? [] : heardWords(untold(heard.profile, heard.said, told, others))
  return {
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(word === undefined ? {} : { mode: word }),
    ...(heard === undefined || said.length === 0
      ? {}
      : { heard: { profile: heard.profile, said } }),
  }
}

/** Whether there is something in it that is worth a write. Of windows that ended one node's is enough. */
export function isHeadNews(next: SliceHead, told: SliceHead, othersLearned: boolean): boolean {
  const { learnedAt, mode, heard } = next
  if (mode !== undefined && mode.at !== told.mode?.at) return true
  if (heard !== undefined && !isHeard(heard, told.heard)) return true
  // One of its own that ended later it takes back.
  return told.learnedAt !== learnedAt && (told.learnedAt !== undefined || !othersLearned)
}

function untold(
  profile: string,
  own: Hearings,
  told: SliceHead,
  others: readonly SliceHead[],
): Hearings {
  const before = hearingsIn([told], profile)
  const theirs = hearingsIn(others, profile)
  const isOurs = ([word, hearing]: readonly [string, Hearing]): boolean =>
    before.has(word) || bestHearing([...(theirs.get(word) ?? []), hearing]) === hearing
  return new Map([...own].filter(isOurs))
}

function isHeard({ profile, said }: Heard, told: Heard | undefined): boolean {
  if (told?.profile !== profile) return false
  const known = hearingsOf(told.said)
  return [...hearingsOf(said)].every(([word, { after, generation, at }]) => {
    const hearing = known.get(word)
    return hearing?.after === after && hearing.generation === generation && hearing.at === at
  })
}
