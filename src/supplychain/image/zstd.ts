import { Decompress } from 'fzstd'

/**
 * The largest output of one piece that fits in memory, regardless of its header: a block of 4 bytes can expand to 128
 * KiB.
 */
const pieceBytes = 4 << 10

/**
 * Unpacks frames of zstd. Throws where they are broken or cut. Not by Node, which has its own from 22.15 on: that ends
 * after the first frame, and layers can have several.
 */
export async function* unpackZstd(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacked: Uint8Array[] = []
  const frames = new Decompress((chunk) => unpacked.push(chunk))
  function* step(piece: Uint8Array, isLast: boolean): Generator<Buffer> {
    frames.push(piece, isLast)
    for (const chunk of unpacked.splice(0)) {
      if (chunk.length > 0) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    }
  }
  for await (const chunk of packed) {
    for (let at = 0; at < chunk.length; at += pieceBytes)
      yield* step(chunk.subarray(at, at + pieceBytes), false)
  }
  yield* step(new Uint8Array(), true)
}
