import { compareText } from '../profile/profile-entry.ts'

/**
 * When a word in a shared object was said, as far as one node can tell: the server keeps a time for each of its writers,
 * and not for each word. Plain data: it is stored, and told.
 */
export interface Hearing {
  /** The latest generation of the object that the node knows the word not to have been in; 0 where it knows of none. */
  readonly after: number
  /** The first that it saw the word in. */
  readonly generation: number
  /** RFC 3339 UTC, to the millisecond */
  readonly at: string
}

/** By the word. */
export type Hearings = ReadonlyMap<string, Hearing>

/** Words of one hearing: as they are written down. */
export interface HeardWords extends Hearing {
  readonly words: readonly string[]
}

/**
 * What to go by of what several nodes heard of one word: the earliest of those that saw it come, where any did. One that
 * somebody knows it to have been absent after is another saying of the same, which was taken back.
 */
export function bestHearing(all: readonly Hearing[]): Hearing | undefined {
  const after = Math.max(0, ...all.map((each) => each.after))
  const [best] = all.filter(({ generation }) => generation > after).sort(compareHearings)
  return best
}

/** Negative where `a` is to be gone by. */
function compareHearings(a: Hearing, b: Hearing): number {
  return Number(sawIt(b)) - Number(sawIt(a)) || compareText(a.at, b.at)
}

function sawIt({ after, generation }: Hearing): boolean {
  return generation === after + 1
}

export function heardWords(hearings: Hearings): readonly HeardWords[] {
  const groups = new Map<string, Hearing & { words: string[] }>()
  for (const [word, { after, generation, at }] of hearings) {
    const name = `${after} ${generation} ${at}`
    const group = groups.get(name) ?? { after, generation, at, words: [] }
    group.words.push(word)
    groups.set(name, group)
  }
  return [...groups.values()]
}

export function hearingsOf(groups: readonly HeardWords[]): Hearings {
  const hearings = new Map<string, Hearing>()
  for (const { words, ...hearing } of groups) for (const word of words) hearings.set(word, hearing)
  return hearings
}
