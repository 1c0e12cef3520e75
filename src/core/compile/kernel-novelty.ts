import type { Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Guardrails } from '../match/guardrail.ts'
import { forFiles, LOOKED_AT } from '../match/act-parts.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type KernelRule, reportTag, ruleKey } from './kernel-profile.ts'

/** What a program does in an exec session is no habit of the service. */
const ofService: readonly Origin[] = ['entrypoint', 'init', 'probe']

/**
 * Rules for what is reported, and not stopped, because the matcher says that it is as usual: capabilities that root needs
 * for files of others, where the program has used another of them. Its files are judged by themselves.
 *
 * INVARIANT: what such a rule decides has severity `low` and no guardrail, unless the program was replaced or few of
 * several replicas do it.
 *
 * @param isDecided whether the profile has a rule for it
 */
export function noveltyRules(
  known: ProfileReader,
  now: Micros,
  guardrails: Pick<Guardrails, 'guardsCapability'>,
  isDecided: (rule: KernelRule) => boolean,
): readonly KernelRule[] {
  const names = [...forFiles].filter((name) => !guardrails.guardsCapability(name))
  const programs = new Set<string>()
  for (const { object, actor } of known.all())
    if (object.kind === 'capability') programs.add(actor.exe)
  const rules = new Map<string, KernelRule>()
  for (const exe of programs) {
    for (const allowance of known.byActor('capability', exe).slice(0, LOOKED_AT)) {
      const { actor, uid, object } = allowance
      if (allowance.void || uid !== 0) continue
      if (object.kind !== 'capability' || !forFiles.has(object.name)) continue
      const origins = allowance.grantsAt(now).origins.filter((one) => ofService.includes(one))
      for (const origin of origins) {
        for (const name of names) {
          const about = { kind: 'capability', name } as const
          const rule = { tag: reportTag, report: true, actor, uid, origin, object: about } as const
          if (!isDecided(rule)) rules.set(ruleKey(rule), rule)
        }
      }
    }
  }
  return [...rules.values()]
}
