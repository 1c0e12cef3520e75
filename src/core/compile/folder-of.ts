import { any, type Language, PathPattern, seq, text } from '../behaviour/language.ts'
import { anyName, anything } from '../behaviour/token-language.ts'

/** So many states of a command line are kept where it does not fit as a whole. */
const BEGINNING = 128

/**
 * All command lines that begin like one of the language, which is longer. Undefined where none is
 * longer: a command line is never widened to any.
 */
export function beginningOf(language: Language): PathPattern | undefined {
  const begun = beginning(language)
  return begun === undefined ? undefined : new PathPattern(begun)
}

function beginning(language: Language): Language | undefined {
  if (statesOf(language) <= BEGINNING) return undefined
  if (language.kind === 'any') return any(language.of.map((one) => beginning(one) ?? one))
  const parts = language.kind === 'seq' ? language.parts : [language]
  const kept: Language[] = []
  let left = BEGINNING
  for (const part of parts) {
    const size = statesOf(part)
    if (part.kind === 'text') kept.push(text(part.text.slice(0, left)))
    else if (size <= left) kept.push(part)
    left -= size
    if (left <= 0) break
  }
  return seq(...kept, anything)
}

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
