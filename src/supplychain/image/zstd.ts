import { Decompress } from 'fzstd'

/** A piece unpacks to so much at most that it fits in memory, whatever it says: a block of 4 bytes can stand for 128 KiB. */
const pieceBytes = 4 << 10

/** Unpacks frames of zstd. Throws where they are broken or cut. */
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
