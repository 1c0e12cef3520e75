import {
  any,
  chars,
  type Language,
  parted,
  PathPattern,
  seq,
  text,
  SUBJECT_TO,
} from '../behaviour/language.ts'
import { anyName, anyPath, anything } from '../behaviour/token-language.ts'

/** So many states of a long path or command line are kept where it does not fit as a whole. */
export const BEGINNING = 128

/**
 * All command lines that begin like one of the language, which is longer. Undefined where none is
 * longer: a command line is never widened to any.
 */
export function beginningOf(language: Language): PathPattern | undefined {
  const begun = beginning(language, anything)
  return begun === undefined ? undefined : new PathPattern(begun)
}

/** {@link beginningOf} of paths. Of a rename, each of both paths begins like one of the language. */
export function pathBeginningOf(language: Language): PathPattern | undefined {
  const begun = pathBeginning(language)
  return begun === undefined ? undefined : new PathPattern(begun)
}

function pathBeginning(language: Language): Language | undefined {
  if (language.kind === 'any') return anyOf(language.of, pathBeginning)
  const { head, tail } = parted(language, SUBJECT_TO)
  if (tail === undefined) return beginning(language, anyPath)
  const [from, to] = [beginning(head, anyPath), beginning(tail, anyPath)]
  if (from === undefined && to === undefined) return undefined
  return seq(from ?? head, text(SUBJECT_TO), to ?? tail)
}

/** @param rest what may follow the beginning */
function beginning(language: Language, rest: Language): Language | undefined {
  if (language.kind === 'any') return anyOf(language.of, (one) => beginning(one, rest))
  return lengthOf(language) <= BEGINNING ? undefined : seq(cut(language, BEGINNING), rest)
}

/** Each of its texts begins with one of the result, which takes no more than so many states in a row. */
function cut(language: Language, left: number): Language {
  switch (language.kind) {
    case 'text':
      return text(language.text.slice(0, left))
    case 'chars': {
      if (lengthOf(language) <= left) return language
      return chars(language.class, Math.min(language.min, left), left)
    }
    case 'any':
      return any(language.of.map((one) => cut(one, left)))
    case 'seq': {
      const kept: Language[] = []
      let rest = left
      for (const part of language.parts) {
        if (rest <= 0) break
        kept.push(cut(part, rest))
        rest -= lengthOf(part)
      }
      return seq(...kept)
    }
  }
}

function anyOf(
  all: readonly Language[],
  shorter: (one: Language) => Language | undefined,
): Language | undefined {
  const begun = all.map(shorter)
  if (begun.every((one) => one === undefined)) return undefined
  return any(all.map((one, i) => begun[i] ?? one))
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

/** States in a row that its longest text passes, each time without repeating one. */
function lengthOf(language: Language): number {
  switch (language.kind) {
    case 'text':
    case 'chars':
      return statesOf(language)
    case 'seq':
      return language.parts.reduce((sum, part) => sum + lengthOf(part), 0)
    case 'any':
      return language.of.reduce((most, one) => Math.max(most, lengthOf(one)), 0)
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
