import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Derivation } from '../../../../src/core/learning/derivation.ts'
import { programFiles } from '../../../../src/core/learning/program-files.ts'
import { ImageContents } from '../../../../src/agent/pipeline/identity/image-contents.ts'

/** The files of this machine, as the only layer of an image. */
const machine = new ImageContents(['/proc/self/root'])

const programs = ['/bin/ls', '/bin/bash', '/usr/bin/openssl', '/usr/bin/python3', '/usr/bin/git']
  .filter((path) => existsSync(path))
  .map((path) => realpathSync(path))

/** The libraries that the loader of this machine loads. */
function loaded(path: string): readonly string[] {
  const text = execFileSync('ldd', [path], { encoding: 'utf8' })
  const paths = [...text.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => realpathSync(file))
  return [...new Set(paths)].sort()
}

describe('files that come with a program', () => {
  it.each(programs)('of %s hold every library that the loader takes', (path) => {
    expect([...programFiles(machine, { exe: path })]).toEqual(
      expect.arrayContaining([...loaded(path)]),
    )
  })

  it('are none of its configuration, and none that is secret', () => {
    const files = programFiles(machine, { exe: realpathSync('/bin/bash') })
    for (const path of ['/etc/passwd', '/etc/shadow', '/etc/bash.bashrc', '/etc/hostname']) {
      expect(files.has(path), path).toBe(false)
    }
  })

  it('are none where the image does not ship the program', () => {
    expect(programFiles(machine, { exe: '/opt/none' }).size).toBe(0)
  })
})

describe('an image in layers', () => {
  let folder: string
  let layers: readonly string[]
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'snug-contents-'))
    const [top, base] = [join(folder, 'top'), join(folder, 'base')]
    layers = [top, base]
    const put = (layer: string, path: string, text: string, mode = 0o644): void => {
      mkdirSync(dirname(join(layer, path)), { recursive: true })
      writeFileSync(join(layer, path), text, { mode })
    }
    put(base, 'usr/share/words/one', '1')
    put(base, 'usr/share/words/two', '2')
    put(top, 'usr/share/words/three', '3')
    put(base, 'usr/share/words/run', 'x', 0o755)
    put(base, 'usr/share/words/script', '#!/bin/sh\n')
    put(base, 'usr/share/words/library', '\u007fELF....')
    put(base, 'usr/share/words/private', 'p', 0o600)
    put(base, 'usr/share/words/guarded', 'g')
    for (const name of ['one', 'two', 'three']) put(base, `etc/words/${name}`, name)
    put(base, 'srv/app/start.py', '#!/usr/bin/python3\n', 0o755)
    symlinkSync('one', join(base, 'usr/share/words/link'))
    symlinkSync('/srv/app/start.py', join(base, 'srv/start'))
    mkdirSync(join(base, 'srv/closed'), { mode: 0o700 })
    writeFileSync(join(base, 'srv/closed/one'), '1')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('counts a file as data if anyone may read it, nobody can run it and no guardrail covers it', () => {
    const derivation = new Derivation(new ImageContents(layers), (path) =>
      path.endsWith('/guarded'),
    )
    const data = derivation.dataIn('/usr/share/words')
    expect([...data].sort()).toEqual(['one', 'three', 'two'].map((it) => `/usr/share/words/${it}`))
    expect(derivation.dataIn('/srv/closed').size).toBe(0)
    expect(derivation.dataIn('/etc/words').size).toBe(0)
    expect(derivation.dataIn('/none').size).toBe(0)
  })

  it('gives a script with the interpreter that was started for it, by its own path', () => {
    const files = programFiles(new ImageContents(layers), { exe: '/none', script: '/srv/start' })
    expect([...files]).toEqual(['/srv/app/start.py'])
  })
})
