import { compareText } from '../profile/profile-entry.ts'
import type { CanaryChoice } from './blocking.ts'
import type { Mode, Version } from './version.ts'

/** A person's word on what a deviation of one version gets, on every node. Plain data: it is stored, and told. */
export interface ModeWord {
  readonly mode: Mode
  readonly by: string
  /** RFC 3339 UTC, to the millisecond */
  readonly at: string
  readonly reason?: string
  /** Only with mode `block`. */
  readonly canary?: CanaryChoice
}

/** Of these the latest; of one instant the same on every node. Undefined where there is none. */
export function latestWord(words: Iterable<ModeWord | undefined>): ModeWord | undefined {
  let latest: ModeWord | undefined
  for (const word of words) {
    if (word !== undefined && (latest === undefined || compareWords(word, latest) > 0))
      latest = word
  }
  return latest
}

/** Positive where `a` is the later. */
export function compareWords(a: ModeWord, b: ModeWord): number {
  return compareText(a.at, b.at) || compareText(wordText(a), wordText(b))
}

/** Whether there is nothing to do any more for a version to be as the word has it. */
export function isAsSaid(version: Version, { mode, at, canary }: ModeWord): boolean {
  // A window that began after the word is the one that it asks for.
  if (mode === 'learn' && version.learningSince >= Date.parse(at)) return true
  if (mode !== version.mode) return false
  return version.blocking?.disarmedAt === undefined && canary === undefined
}

/** The same for the same word, in whatever order its keys come. */
function wordText({ mode, by, reason, canary }: ModeWord): string {
  return JSON.stringify([mode, by, reason ?? '', canary?.fraction ?? 0, canary?.forMs ?? 0])
}
