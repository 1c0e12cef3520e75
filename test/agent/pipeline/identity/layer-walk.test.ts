import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SnugError } from '../../../../src/errors.ts'
import { pathsTaken } from '../../../../src/agent/pipeline/identity/layer-walk.ts'
import type { PathAutomaton } from '../../../../src/core/compile/kernel-profile.ts'

let root: string
let layers: readonly string[]
beforeEach(() => {
  root = mkdtempSync('/tmp/snug-walk-')
  layers = [join(root, 'upper'), join(root, 'lower')]
  for (const layer of layers) mkdirSync(layer)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(layer: 0 | 1, ...paths: string[]): void {
  for (const path of paths) {
    const at = join(layers[layer] ?? '', path)
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, path)
  }
}

/** `*` stands for any bytes but a slash, one at least; each pattern ends in its own set. */
function automatonOf(...patterns: string[]): PathAutomaton {
  const states: { next: number[]; accept: number }[] = [
    { next: [], accept: 0 },
    { next: [], accept: 0 },
  ]
  patterns.forEach((pattern, at) => {
    let state = 1
    for (const char of pattern) {
      const bytes = char === '*' ? others : [...Buffer.from(char)]
      const known = states[state]?.next[bytes[0] ?? 0]
      const to = known ?? states.push({ next: [], accept: 0 }) - 1
      for (const byte of bytes) states[state]!.next[byte] ??= to
      if (char === '*') for (const byte of others) states[to]!.next[byte] ??= to
      state = to
    }
    states[state]!.accept = at + 1
  })
  const next = new Uint16Array(states.length * 256)
  states.forEach((state, number) =>
    state.next.forEach((to, byte) => (next[number * 256 + byte] = to)),
  )
  return { next, accept: Uint16Array.from(states.map(({ accept }) => accept)) }
}
const others = Array.from({ length: 256 }, (_, byte) => byte).filter(
  (byte) => byte !== 0x2f && byte !== 0,
)

describe('the files of an image that patterns take', () => {
  it('are those of all its layers, folders and links too, and nothing that no pattern reaches', () => {
    put(1, 'usr/share/a/x.dat', 'usr/share/b/x.dat', 'usr/lib/x.dat', 'etc/x.dat')
    put(0, 'usr/share/c/x.dat', 'usr/share/c/y.txt')
    symlinkSync('/etc', join(layers[0] ?? '', 'usr/share/d'))
    expect(pathsTaken(layers, automatonOf('/usr/share/*/x.dat'))).toEqual([
      '/usr/share/a/x.dat',
      '/usr/share/b/x.dat',
      '/usr/share/c/x.dat',
    ])
    expect(pathsTaken(layers, automatonOf('/usr/share/*', '/etc/y'))).toEqual([
      '/usr/share/a',
      '/usr/share/b',
      '/usr/share/c',
      '/usr/share/d',
    ])
  })

  it('are also those that a pattern of renames takes as what is renamed', () => {
    put(1, 'var/old', 'var/older')
    expect(pathsTaken(layers, automatonOf('/var/old\0/var/new'))).toEqual(['/var/old'])
  })

  it('are as overlayfs shows them: a file above hides the folder below', () => {
    put(1, 'srv/data/x')
    put(0, 'srv/data')
    expect(pathsTaken(layers, automatonOf('/srv/*/*', '/srv/*'))).toEqual(['/srv/data'])
  })

  it('are left out where events cannot name them as plain text', () => {
    put(1, 'srv/plain', 'srv/back\\slash', 'srv/\n')
    writeFileSync(Buffer.concat([Buffer.from(`${layers[1]}/srv/`), Buffer.from([0xff, 0x41])]), '')
    expect(pathsTaken(layers, automatonOf('/srv/*'))).toEqual(['/srv/\n', '/srv/plain'])
  })

  it('are never a part of them: too many is an error', () => {
    put(1, 'srv/1', 'srv/2', 'srv/3', 'srv/4')
    const walk = (limits: { names: number; paths: number }) => {
      try {
        return pathsTaken(layers, automatonOf('/srv/*'), limits).length
      } catch (error) {
        return error instanceof SnugError ? error.code : error
      }
    }
    expect(walk({ names: 100, paths: 4 })).toBe(4)
    expect(walk({ names: 100, paths: 3 })).toBe('PROFILE_TOO_LARGE')
    expect(walk({ names: 4, paths: 100 })).toBe('PROFILE_TOO_LARGE')
  })
})
