import { origins } from '../event/event-words.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { type Language, sourceOf } from '../behaviour/language.ts'
import { sourcesOf } from '../behaviour/shape-pattern.ts'
import type { PatternClaim } from './kernel-claim.ts'
import { type Guard, guardRules } from './kernel-guards.ts'
import { type KernelRule, type PathAutomaton, type RuleObject, tagOf } from './kernel-profile.ts'
import { automatonSteps } from './path-automaton.ts'
import type { Steps } from '../steps.ts'

export interface PatternRules {
  readonly automaton: PathAutomaton
  readonly rules: readonly KernelRule[]
}

/**
 * Compiles patterns into one automaton, with a rule for each accepting set and each actor that has
 * one of its patterns. The first matching claim decides. Undefined if the automaton needs too many
 * states.
 */
export function* patternRules(
  claims: readonly PatternClaim[],
  states: number,
  guards: readonly Guard[] = [],
): Steps<PatternRules | undefined> {
  const numbers = new Map<string, number>()
  const languages: Language[] = []
  const byNumber: PatternClaim[][] = []
  const numberOf = (source: string, language: Language): number => {
    const known = numbers.get(source)
    if (known !== undefined) return known
    numbers.set(source, languages.length)
    byNumber.push([])
    return languages.push(language) - 1
  }
  const rank = new Map<PatternClaim, number>()
  for (const [i, claim] of claims.entries()) {
    yield
    rank.set(claim, i)
    byNumber[numberOf(claim.pattern.source, claim.pattern.language)]?.push(claim)
    const { object } = claim.allowance
    if (object.kind !== 'file' || object.to === undefined || claim.givesAway === true) continue
    // Whether the image ships a file is asked of the path that is renamed alone: the automaton has to take it.
    const renamed = sourcesOf(claim.pattern)
    numberOf(renamed.source, renamed.language)
  }
  const guarded = new Map<Language, number>()
  for (const { language, except } of guards) {
    for (const one of [language, except]) guarded.set(one, numberOf(sourceOf(one), one))
  }
  const built = yield* automatonSteps(languages, states)
  if (built === undefined) return undefined
  const rules: KernelRule[] = []
  for (const [number, set] of built.sets.entries()) {
    yield
    const all = set.flatMap((pattern) => byNumber[pattern] ?? [])
    all.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0))
    for (const rule of rulesOf(all, number)) rules.push(rule)
    const held = new Set(set)
    rules.push(...guardRules(guards, number, (one) => held.has(guarded.get(one) ?? -1)))
  }
  return { automaton: built.automaton, rules: [...rules, ...someArguments(rules)] }
}

/** Which programs may be run with some arguments: where these are not to be had yet, that has to do. */
function someArguments(rules: readonly KernelRule[]): readonly KernelRule[] {
  const some = new Map<string, KernelRule>()
  for (const rule of rules) {
    const { actor, uid, origin, object, deny } = rule
    if (object.kind !== 'exec-pattern' || deny === true) continue
    const asked = { ...object, set: 0 }
    const key = JSON.stringify([actor.exe, actor.script ?? '', uid, origin, asked])
    if (!some.has(key)) some.set(key, { ...rule, object: asked })
  }
  return [...some.values()]
}

/** The first claim of each combination of actor, uid, object and origin. */
function rulesOf(claims: readonly PatternClaim[], set: number): readonly KernelRule[] {
  const rules = new Map<string, KernelRule>()
  for (const { allowance, group, givesAway, origin } of claims) {
    const { actor, uid, object, id } = allowance
    for (const one of origin === undefined ? origins : [origin]) {
      const key = `${group}\u0000${one}`
      if (rules.has(key)) continue
      const about =
        givesAway === true
          ? { kind: 'rename-source-pattern' as const, set }
          : patternObject(object, set)
      if (about === undefined) continue
      const rule = { tag: tagOf(id), actor, uid, origin: one, object: about }
      rules.set(key, origin === undefined ? { ...rule, deny: true } : rule)
    }
  }
  return [...rules.values()]
}

function patternObject(object: BehaviourObject, set: number): RuleObject | undefined {
  if (object.kind === 'syscall') return { kind: 'syscall-pattern', name: object.name, set }
  if (object.kind === 'connect') return { kind: 'socket-pattern', set }
  if (object.kind === 'exec') {
    const { path, drift, socketStdio } = object
    return {
      kind: 'exec-pattern',
      path,
      ...(drift === undefined ? {} : { drift }),
      ...(socketStdio === undefined ? {} : { socketStdio }),
      set,
    }
  }
  if (object.kind !== 'file' || object.access === 'exec') return undefined
  return { kind: 'file-pattern', access: object.access, set }
}
