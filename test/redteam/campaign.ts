import fc from 'fast-check'
import {
  type Act,
  type Composition,
  compositionOf,
  type Moment,
  simplerThan,
  textOf,
} from './composition.ts'
import type { Batch, Field } from './field.ts'
import { SLOTS_USABLE } from './image.ts'
import { limitOf } from './known.ts'
import { type Finding, judged, type Result } from './oracle.ts'

/** How often each moment comes up: a container for each composition costs more than the others. */
const shares: readonly (readonly [Moment, number])[] = [
  ['later', 0.5],
  ['flood', 0.2],
  ['replaced', 0.15],
  ['agent-dead', 0.1],
  ['first', 0.05],
]

/** So many are taken apart; of more only the compositions are printed. */
const EXPLAINED = 12

export interface Campaign {
  readonly seed: number
  readonly count: number
  /** Compositions that share a container. */
  readonly size?: number
  /** Epoch milliseconds: no batch begins later. */
  readonly until?: number
  readonly log?: (line: string) => void
}

export interface Outcome {
  /** Compositions that ran, possible or not. */
  readonly tried: number
  readonly findings: Readonly<Record<Finding, number>>
  /** By the name of the limit. */
  readonly limits: ReadonlyMap<string, number>
  /** Had their effect, and are reported as `missed`: how many, by the act. */
  readonly admitted: ReadonlyMap<Act, number>
  /** Each with its minimal composition. */
  readonly broken: readonly string[]
}

/** Runs compositions of the seed, and takes each that breaks an invariant apart. */
export async function attack(field: Field, campaign: Campaign): Promise<Outcome> {
  const findings: Record<Finding, number> = {
    true: 0,
    impossible: 0,
    silent: 0,
    untrue: 0,
    lost: 0,
  }
  const limits = new Map<string, number>()
  const broken: string[] = []
  let tried = 0
  const admitted = new Map<Act, number>()
  for (const batch of batchesOf(campaign, field.ground.moments)) {
    if (campaign.until !== undefined && Date.now() > campaign.until) break
    const began = Date.now()
    for (const done of await field.run(batch)) {
      for (const result of judged(done)) {
        tried += 1
        const { from, to, composition } = result.observation
        if (to - from > 400) campaign.log?.(`slow: ${to - from} ms ${textOf(composition)}`)
        if (result.effect && result.finding === 'true')
          admitted.set(composition.act, (admitted.get(composition.act) ?? 0) + 1)
        const limit = isBroken(result) ? limitOf(result, done.events, field.ground) : undefined
        if (limit !== undefined) {
          limits.set(limit.name, (limits.get(limit.name) ?? 0) + 1)
          continue
        }
        findings[result.finding] += 1
        if (!isBroken(result)) continue
        if (broken.length >= EXPLAINED) {
          broken.push(`${result.finding}: ${textOf(result.observation.composition)}`)
          continue
        }
        broken.push(await explained(field, result, done))
        campaign.log?.(broken.at(-1) ?? '')
      }
    }
    campaign.log?.(`${batch.length} ${batch[0]?.moment}: ${Date.now() - began} ms`)
  }
  return { tried, findings, limits, admitted, broken }
}

function isBroken({ finding }: Result): boolean {
  return finding === 'silent' || finding === 'untrue'
}

/** The moments take turns: so a run that ends early has tried each. */
function batchesOf(
  { seed, count, size = SLOTS_USABLE }: Campaign,
  moments: readonly Moment[],
): readonly (readonly Composition[])[] {
  const turns: (readonly Composition[])[][] = []
  const has = ([moment]: (typeof shares)[number]): boolean => moments.includes(moment)
  const whole = shares.filter(has).reduce((sum, [, share]) => sum + share, 0)
  for (const [index, [moment, share]] of shares.entries()) {
    if (!moments.includes(moment)) continue
    const all = fc.sample(compositionOf(moment), {
      seed: seed * shares.length + index,
      numRuns: Math.round((count * share) / whole),
    })
    for (let turn = 0; turn * size < all.length; turn++) {
      turns[turn] ??= []
      turns[turn]?.push(all.slice(turn * size, (turn + 1) * size))
    }
  }
  return turns.flat()
}

/** The smallest composition that breaks the same invariant, and what was reported about it. */
async function explained(field: Field, found: Result, batch: Batch): Promise<string> {
  let [least, of]: readonly [Result, Batch] = [found, batch]
  for (;;) {
    const next = await smaller(field, least)
    if (next === undefined) break
    ;[least, of] = next
  }
  const { composition, seen, from, to } = least.observation
  const events = of.events.filter((event) => {
    const at = Date.parse(event.time)
    return at >= from - 2 && at <= to + 2
  })
  return [
    `${found.finding}: ${textOf(found.observation.composition)}`,
    `  least: ${textOf(composition)}`,
    `  seen: ${JSON.stringify(seen)}`,
    ...events.map((event) => {
      const act = (event as unknown as Record<string, unknown>)[event.kind]
      return `  reported: ${event.kind} ${JSON.stringify(act)} ${event.enforced ?? ''} ${event.survives ?? ''}`
    }),
  ].join('\n')
}

async function smaller(field: Field, { observation, finding }: Result) {
  const candidates = simplerThan(observation.composition)
  for (const batch of await field.run(candidates)) {
    const still = judged(batch).find(
      (result) =>
        result.finding === finding && limitOf(result, batch.events, field.ground) === undefined,
    )
    if (still !== undefined) return [still, batch] as const
  }
  return undefined
}

export function outcomeText({ tried, findings, limits, admitted, broken }: Outcome): string {
  const acts = [...admitted].map(([act, count]) => `${act} ${count}`)
  return [
    `${tried} compositions: ${findings.true} reported truly (${sumOf(admitted)} had their effect, reported as such), ` +
      `${findings.impossible} not possible, ${findings.lost} covered by a loss, ` +
      `${findings.silent} silent, ${findings.untrue} untrue`,
    `had their effect: ${acts.join(', ')}`,
    ...[...limits].map(([name, count]) => `${count} within a known limit: ${name}`),
    ...broken,
  ].join('\n')
}

/** Of all kinds. */
export function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
