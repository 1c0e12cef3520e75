import { compareText } from '../profile/profile-entry.ts'

/**
 * When a word in a shared object was said, as far as one node can tell: the server keeps a time for each of its writers,
 * and not for each word. Plain data: it is stored, and told.
 */
export interface DecisionTime {
  /** The latest generation of the object that the node knows the word not to have been in; 0 where it knows of none. */
  readonly after: number
  /** The first that it saw the word in. */
  readonly generation: number
  /** RFC 3339 UTC, to the millisecond */
  readonly at: string
}

/** By the word. */
export type DecisionTimes = ReadonlyMap<string, DecisionTime>

/** Words of one hearing: as they are written down. */
export interface TimedDecisions extends DecisionTime {
  readonly names: readonly string[]
}

/**
 * What to go by of what several nodes heard of one word: the earliest of those that saw it come, where any did. One that
 * somebody knows it to have been absent after is another saying of the same, which was taken back.
 */
export function bestDecisionTime(all: readonly DecisionTime[]): DecisionTime | undefined {
  const after = Math.max(0, ...all.map((each) => each.after))
  const [best] = all.filter(({ generation }) => generation > after).sort(compareDecisionTimes)
  return best
}

/** Negative where `a` is to be gone by. */
function compareDecisionTimes(a: DecisionTime, b: DecisionTime): number {
  return Number(sawIt(b)) - Number(sawIt(a)) || compareText(a.at, b.at)
}

function sawIt({ after, generation }: DecisionTime): boolean {
  return generation === after + 1
}

export function groupDecisionTimes(times: DecisionTimes): readonly TimedDecisions[] {
  const groups = new Map<string, DecisionTime & { names: string[] }>()
  for (const [decision, { after, generation, at }] of times) {
    const name = `${after} ${generation} ${at}`
    const group = groups.get(name) ?? { after, generation, at, names: [] }
    group.names.push(decision)
    groups.set(name, group)
  }
  return [...groups.values()]
}

export function decisionTimesOf(groups: readonly TimedDecisions[]): DecisionTimes {
  const times = new Map<string, DecisionTime>()
  for (const { names, ...time } of groups) for (const decision of names) times.set(decision, time)
  return times
}
