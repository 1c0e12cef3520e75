import { readdirSync } from 'node:fs'
import { SnugError } from '../../errors.ts'
import type { PathAutomaton } from '../../core/compile/kernel-profile.ts'
import { lookupInFolders } from './layers.ts'

export interface WalkLimits {
  /** Names looked at. */
  readonly names: number
  /** Paths found. */
  readonly paths: number
}

/** Patterns name their folders, so that a walk sees a few of them; this is for the one that does not. */
const defaultLimits: WalkLimits = { names: 500_000, paths: 32_768 }

const SLASH = 0x2f
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Every path of the image that the automaton takes, or would take as the first half of a rename (`path NUL to`).
 * Goes into a folder only while the automaton is alive there, so it costs what the patterns are about and not what
 * the image holds. Links are names like others and are not followed, and a name that is not plain text is never
 * asked for by text: it is left out.
 *
 * Throws PROFILE_TOO_LARGE at a limit: a list that was cut off would let a pattern take what it must not.
 */
export function pathsTaken(
  layers: readonly string[],
  automaton: PathAutomaton,
  limits: WalkLimits = defaultLimits,
): readonly string[] {
  const paths: string[] = []
  let names = 0
  const queue: { folders: readonly string[]; path: string; state: number }[] = [
    { folders: layers, path: '', state: 1 },
  ]
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const { folders, path, state } = at
    const inside = stepOf(automaton, state, SLASH)
    if (inside === 0) continue
    for (const name of namesIn(folders)) {
      names += 1
      if (names > limits.names) throw tooLarge(limits)
      const after = runOn(automaton, inside, name)
      const text = after === 0 ? undefined : plainText(name)
      const found = text === undefined ? undefined : lookupInFolders(folders, text)
      if (found === undefined) continue
      const whole = `${path}/${text}`
      const taken = automaton.accept[after] !== 0 || stepOf(automaton, after, 0) !== 0
      if (taken && paths.push(whole) > limits.paths) throw tooLarge(limits)
      if (found.kind === 'folder') queue.push({ folders: found.folders, path: whole, state: after })
    }
  }
  return paths.sort()
}

function namesIn(folders: readonly string[]): Iterable<Buffer> {
  const names = new Map<string, Buffer>()
  for (const folder of folders) {
    // Buffers, since names are bytes: one that is no text must not be taken for another.
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      names.set(name.toString('latin1'), name)
    }
  }
  return names.values()
}

/** As events write it; undefined where they write it with escapes. */
function plainText(name: Buffer): string | undefined {
  try {
    const text = decoder.decode(name)
    return text.includes('\\') ? undefined : text
  } catch {
    return undefined
  }
}

function runOn(automaton: PathAutomaton, from: number, bytes: Uint8Array): number {
  let state = from
  for (const byte of bytes) {
    state = stepOf(automaton, state, byte)
    if (state === 0) return 0
  }
  return state
}

function stepOf({ next }: PathAutomaton, state: number, byte: number): number {
  return next[state * 256 + byte] ?? 0
}

function tooLarge({ names, paths }: WalkLimits): SnugError {
  return new SnugError(
    'PROFILE_TOO_LARGE',
    `its patterns reach more than ${paths} of the image's files, or ${names} names`,
  )
}
