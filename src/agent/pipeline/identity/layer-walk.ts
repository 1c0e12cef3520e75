import { readdirSync } from 'node:fs'
import { SnugError } from '../../../errors.ts'
import type { PathAutomaton } from '../../../core/compile/kernel-profile.ts'
import { lookupInFolders } from './layers.ts'

export interface WalkLimits {
  /** Maximum number of names visited. */
  readonly names: number
  /** Maximum number of paths found. */
  readonly paths: number
}

/**
 * Most patterns name their folders, so a walk visits few names. The limit is for patterns that do
 * not.
 */
const defaultLimits: WalkLimits = { names: 500_000, paths: 32_768 }

const SLASH = 0x2f
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Every path of the image that the automaton matches, or that could start a match of a rename
 * (`path NUL to`). It enters a folder only while the automaton can still match, so the cost follows
 * the patterns, not the size of the image. It does not follow links. It skips names that are not
 * plain text, because no lookup by text can reach them. Throws PROFILE_TOO_LARGE at a limit: a
 * truncated list would let a pattern match too much.
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
    // Names are bytes: as text, an invalid name could collide with another one.
    for (const name of readdirSync(folder, { encoding: 'buffer' })) {
      names.set(name.toString('latin1'), name)
    }
  }
  return names.values()
}

/** The name in the form of events; undefined if events would escape it. */
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
