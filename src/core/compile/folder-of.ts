import { type Language, PathPattern, seq, text } from '../behaviour/language.ts'
import { anyName } from '../behaviour/token-language.ts'

/** The pattern `folder/*` that takes every path of the language; undefined where it has not just one folder. */
export function folderOf(language: Language): PathPattern | undefined {
  const parts = language.kind === 'seq' ? language.parts : [language]
  const at = parts.findLastIndex((part) => part.kind === 'text' && part.text.includes('/'))
  const part = parts[at]
  if (part?.kind !== 'text') return undefined
  // A token holds no `/`; a choice of several texts may.
  if (parts.slice(at + 1).some((later) => later.kind === 'any' && mayHoldSlash(later)))
    return undefined
  const end = part.text.lastIndexOf('/') + 1
  if (end === part.text.length && at === parts.length - 1) return undefined
  return new PathPattern(seq(...parts.slice(0, at), text(part.text.slice(0, end)), anyName))
}

function mayHoldSlash(language: Language): boolean {
  switch (language.kind) {
    case 'text':
      return language.text.includes('/')
    case 'chars':
      return language.class.ranges.some(([first, last]) => first <= 0x2f && last >= 0x2f)
    case 'seq':
      return language.parts.some(mayHoldSlash)
    case 'any':
      return language.of.some(mayHoldSlash)
  }
}

/** The approximate number of states that an automaton needs for it. */
export function statesOf(language: Language): number {
  switch (language.kind) {
    case 'text':
      return language.text.length
    case 'chars':
      return language.max ?? language.min + 1
    case 'seq':
      return language.parts.reduce((sum, part) => sum + statesOf(part), 0)
    case 'any':
      return language.of.reduce((sum, one) => sum + statesOf(one), 0)
  }
}
