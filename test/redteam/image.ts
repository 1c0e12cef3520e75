import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of `acts.h`: a container has so many objects, of which 0 is not used. */
const SLOTS = 256
export const SLOTS_USABLE = SLOTS - 1
const sources = ['red', 'perform', 'calls', 'names', 'runs']

/** What the file of a slot has: a process that has it has read the file. */
export function tokenOf(token: string, slot: number): string {
  return `token-${token}-${slot}.`
}

/** Adds the attackers' program and its objects to the root folder of an image. */
export function addAttackers(image: string, token: string): void {
  const at = (path: string): string => join(image, path)
  const source = (name: string): string => fileURLToPath(new URL(`${name}.c`, import.meta.url))
  const compile = (to: string, files: readonly string[]): void => {
    execFileSync('gcc', ['-O2', '-static', '-no-pie', '-s', '-o', at(to), ...files.map(source)])
  }
  for (const folder of ['srv', 'opt', 'run', 'data/a']) mkdirSync(at(folder), { recursive: true })
  chmodSync(at('data/a'), 0o1777)
  compile('bin/red', sources)
  compile('data/program', ['ran'])
  writeFileSync(at('data/ordinary'), 'ordinary\n')
  for (let slot = 1; slot < SLOTS; slot++) {
    const own = at(`srv/s${slot}`)
    mkdirSync(join(own, 'folder'), { recursive: true })
    writeFileSync(join(own, `s${slot}`), `${tokenOf(token, slot)}\n`, { mode: 0o600 })
    writeFileSync(join(own, 'script'), '#!/bin/red\n', { mode: 0o755 })
    linkSync(at('data/program'), at(`opt/s${slot}`))
  }
}
