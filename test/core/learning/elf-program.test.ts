import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { elfProgramOf, type ReadAt } from '../../../src/core/learning/elf-program.ts'

/** Programs and libraries of this machine. */
const files = ['/bin/ls', '/bin/bash', '/usr/bin/env', process.execPath].filter((path) =>
  existsSync(path),
)

const readerOf =
  (bytes: Uint8Array): ReadAt =>
  (offset, size) =>
    bytes.subarray(Math.max(0, offset), Math.max(0, offset + size))

/** The output of binutils for the same header. */
function readelf(path: string): { readonly needed: string[]; readonly interpreter: string } {
  const text = execFileSync('readelf', ['-W', '-d', '-l', path], { encoding: 'utf8' })
  return {
    needed: [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = '']) => name),
    interpreter: /program interpreter: (.*)\]/.exec(text)?.[1] ?? '',
  }
}

describe('the header of an ELF file', () => {
  it.each(files)('of %s reads as readelf reads it', (path) => {
    const program = elfProgramOf(readerOf(readFileSync(realpathSync(path))))
    expect(program?.needed).toEqual(readelf(path).needed)
    expect(program?.interpreter).toBe(readelf(path).interpreter)
  })

  it('is absent where the file is a script or ends early', () => {
    expect(elfProgramOf(readerOf(Buffer.from('#!/bin/sh\n')))).toBeUndefined()
    expect(elfProgramOf(readerOf(Buffer.from('\u007fELF')))).toBeUndefined()
    expect(elfProgramOf(readerOf(new Uint8Array(0)))).toBeUndefined()
  })

  it('never throws and reads little, whatever the bytes', () => {
    const real = readFileSync('/bin/ls').subarray(0, 4_096)
    const damaged = fc
      .array(fc.tuple(fc.nat(1_023), fc.nat(255)), { minLength: 1, maxLength: 40 })
      .map((changes) => {
        const bytes = Uint8Array.from(real)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      })
    const noise = fc.uint8Array({ maxLength: 2_048 }).map((bytes) => {
      const elf = [0x7f, 0x45, 0x4c, 0x46, 2, 1]
      return Uint8Array.from([...elf, ...bytes])
    })
    let asked = 0
    fc.assert(
      fc.property(fc.oneof(damaged, noise), (bytes) => {
        let calls = 0
        const read = readerOf(bytes)
        elfProgramOf((offset, size) => {
          calls += 1
          return read(offset, size)
        })
        asked = Math.max(asked, calls)
      }),
      { numRuns: 5_000 },
    )
    expect(asked).toBeLessThan(600)
  })
})
