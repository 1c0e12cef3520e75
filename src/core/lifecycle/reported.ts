import { compareText } from '../profile/profile-entry.ts'

/**
 * The time of a decision in a shared object, as far as one node can determine it. The server keeps a time for each
 * writer, not for each decision. Plain data: stored and sent.
 */
export interface DecisionTime {
  /** The latest generation of the object that is known to lack the decision; 0 if none is known. */
  readonly after: number
  /** The first generation that has the decision. */
  readonly generation: number
  /** RFC 3339 UTC, to the millisecond */
  readonly at: string
}

/** By decision. */
export type DecisionTimes = ReadonlyMap<string, DecisionTime>

/** Decisions with the same time, as they are stored. */
export interface TimedDecisions extends DecisionTime {
  readonly names: readonly string[]
}

/**
 * The time to use when several nodes observed one decision: the earliest among nodes that saw it
 * appear. If the decision is known to be absent after a time, it was withdrawn and made again.
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
