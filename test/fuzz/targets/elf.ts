import { elfProgramOf } from '../../../src/core/learning/elf-program.ts'

/** A program of an image: what it names is read, and no bytes throw. */
export function fuzz(data: Buffer): void {
  let reads = 0
  elfProgramOf((offset, size) => {
    reads += 1
    if (reads > 100_000) throw new Error('it reads without an end')
    return Number.isSafeInteger(offset) && offset >= 0
      ? data.subarray(offset, offset + size)
      : new Uint8Array(0)
  })
}
