import type { AttackTrace } from '../../support/config/load-attacks.ts'
import { sha256Hex } from '../../core/behaviour/sha256.ts'
import { type User, userText } from '../../core/behaviour/user.ts'
import type { Profile } from '../../core/profile/profile.ts'
import { expectedAttacks } from '../../supplychain/attack-traces.ts'
import { levelOf } from './behaviour-findings.ts'
import type { AttackContrast, Contrast, GateFinding } from '../../supplychain/findings/finding.ts'
import type { GateLevel } from './policy-schema.ts'

/** Which of the recorded attacks a profile lets pass: those of which it expects every event, by one of its actors. */
export function contrastOf(
  profile: Profile,
  traces: readonly AttackTrace[],
  nowMs: number,
): Contrast {
  const passing = new Map<string, { actor: string; uid: User }[]>()
  for (const { name, actor, uid } of expectedAttacks(profile, traces, nowMs * 1_000)) {
    const actors = passing.get(name) ?? []
    actors.push({ actor, uid })
    passing.set(name, actors)
  }
  const attacks = traces.map(({ name, attack }): AttackContrast => {
    const actors = passing.get(name) ?? []
    return { name, attack, outcome: actors.length === 0 ? 'detectable' : 'blind', actors }
  })
  return { tried: traces.length, blind: passing.size, attacks }
}

/** One finding for each attack and actor: who approves one does not approve another. */
export function contrastFindings({ attacks }: Contrast, level: GateLevel): readonly GateFinding[] {
  return attacks.flatMap(({ name, attack, actors }) =>
    actors.map(({ actor, uid }) => ({
      id: `attack-${sha256Hex(JSON.stringify([name, actor, uid])).slice(0, 10)}`,
      rule: 'blind-attack' as const,
      level: levelOf(level),
      text: `${name} (${attack.join(', ')}): the profile expects all of it of ${actor} as ${userText(uid)}`,
    })),
  )
}
