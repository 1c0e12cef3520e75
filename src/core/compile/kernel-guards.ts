import { runtime } from '../behaviour/behaviour.ts'
import {
  any,
  type CharClass,
  chars,
  type Language,
  many,
  seq,
  SUBJECT_TO,
  text,
} from '../behaviour/language.ts'
import { anyPath } from '../behaviour/token-language.ts'
import { expanded, holderPatterns } from '../match/glob.ts'
import type { GuardrailCondition, GuardrailRules } from '../match/rules-schema.ts'
import type { Access } from '../event/event-words.ts'
import { type KernelRule, reportTag } from './kernel-profile.ts'

/** An access to files that stays strict where all others are let pass. */
export interface Guard {
  readonly access: 'read' | 'write' | 'create' | 'delete' | 'rename'
  readonly language: Language
  /** Files of the language that are not guarded. */
  readonly except: Language
}

type FileCondition = Extract<GuardrailCondition, { kind: 'file' }>

/** Those of a version of class `open`: which programs there are is not for the kernel to decide. */
export function openGuardsOf({ guardrails, ...rules }: GuardrailRules): readonly Guard[] {
  return guardsOf({ ...rules, guardrails: guardrails.filter(({ programs }) => programs !== true) })
}

/**
 * What guardrails protect of files, for any actor: one language for each access, because more languages multiply the states. So an
 * exception of one guardrail is one of all. Left out are conditions on what a path does not show: where the file comes
 * from, and which device it is.
 */
export function guardsOf({ guardrails }: GuardrailRules): readonly Guard[] {
  const conditions = guardrails
    .flatMap(({ when }) => when)
    .filter((condition) => condition.kind === 'file')
    .filter(({ layer, device, shipped }) =>
      [layer, device, shipped].every((one) => one === undefined),
    )
  const of = (...accesses: readonly Access[]): readonly FileCondition[] =>
    conditions.filter(({ access }) => access.some((one) => accesses.includes(one)))
  const guard = (access: Guard['access'], guarding: readonly FileCondition[]): Guard => ({
    access,
    language: languageOf(guarding.flatMap(({ path }) => path)),
    except: languageOf(guarding.flatMap(({ exceptPath = [] }) => exceptPath)),
  })
  // A folder that is moved takes what is in it along.
  const moved = ({ path }: FileCondition): readonly string[] => [...path, ...holderPatterns(path)]
  const away = languageOf(of('read', 'delete', 'rename').flatMap(moved))
  const changed = of('write', 'create')
  const to = languageOf(changed.flatMap(moved))
  const but = languageOf(changed.flatMap(({ exceptPath = [] }) => exceptPath))
  const onto = (files: Language): Language => seq(anyPath, text(SUBJECT_TO), files)
  return [
    guard('read', of('read')),
    guard('write', of('write')),
    guard('create', changed),
    guard('delete', of('delete')),
    { access: 'rename', language: seq(away, text(SUBJECT_TO), anyPath), except: any([]) },
    { access: 'rename', language: onto(to), except: onto(but) },
  ]
}

/** The rules of an accepting set that these languages are in. */
export function guardRules(
  guards: readonly Guard[],
  set: number,
  isIn: (language: Language) => boolean,
): readonly KernelRule[] {
  const held = guards.filter(({ language, except }) => isIn(language) && !isIn(except))
  return [...new Set(held.map(({ access }) => access))].map((access) => ({
    // Nobody’s: it is asked for before any actor is.
    actor: runtime,
    uid: 0,
    origin: 'entrypoint',
    tag: reportTag,
    object: { kind: 'guard', access, set },
  }))
}

/** As {@link globs} reads them: bytes, without the NUL that separates two paths. */
const notSlash: CharClass = {
  source: '[^\\u0000/]',
  ranges: [
    [1, 46],
    [48, 255],
  ],
}

/** Names that may lie in any folder are left out: each would double what all others need. */
function languageOf(patterns: readonly string[]): Language {
  return any(
    expanded(patterns)
      .filter((pattern) => pattern.startsWith('/') && !pattern.startsWith('/**'))
      .map(ofGlob),
  )
}

function ofGlob(glob: string): Language {
  const parts: Language[] = []
  for (const [token] of glob.matchAll(
    /\/\*\*$|\*\*\/|\*\*|\*|\?|\[[^\]]+\]|[^*?[]+?(?=\/\*\*$|[*?[]|$)/g,
  )) {
    if (token === '/**') parts.push(any([text(''), seq(text('/'), anyPath)]))
    else if (token === '**/') parts.push(any([text(''), seq(anyPath, text('/'))]))
    else if (token === '**') parts.push(anyPath)
    else if (token === '*') parts.push(many(notSlash))
    else if (token === '?') parts.push(chars(notSlash, 1))
    else if (token.startsWith('[')) parts.push(chars(ofClass(token), 1))
    else parts.push(text(token))
  }
  return seq(...parts)
}

/** Of ASCII characters and ranges, as `[a-z0-9]`. */
function ofClass(source: string): CharClass {
  const ranges = [...source.slice(1, -1).matchAll(/(.)(?:-(.))?/g)].map(
    ([, first = '', last = first]) => [first.charCodeAt(0), last.charCodeAt(0)] as const,
  )
  return { source, ranges }
}
