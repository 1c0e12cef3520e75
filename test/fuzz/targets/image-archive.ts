import { Readable } from 'node:stream'
import { SnugError } from '../../../src/errors.ts'
import { readImageStream } from '../../../src/supplychain/image/image-archive.ts'

const block = 512
const [sumAt, sumEnd, magicAt] = [148, 156, 257]

/** An archive of an image, in pieces. Sums of its headers are mended: they would stop each mutant. */
export async function fuzz(data: Buffer): Promise<void> {
  const bytes = Buffer.from(data)
  for (let at = 0; at + block <= bytes.length; at += block) mend(bytes.subarray(at, at + block))
  try {
    await readImageStream(Readable.from([bytes.subarray(0, 700), bytes.subarray(700)]))
  } catch (error) {
    if (!(error instanceof SnugError) && !isOfStream(error)) throw error
  }
}

/** The caller names the file and refuses it: see `readImageArchive`. */
function isOfStream(error: unknown): boolean {
  return error instanceof Error && !/^(Type|Reference|Range)Error$/.test(error.name)
}

function mend(header: Buffer): void {
  if (header.toString('latin1', magicAt, magicAt + 5) !== 'ustar') return
  header.fill(' ', sumAt, sumEnd)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, sumAt, 'latin1')
}
