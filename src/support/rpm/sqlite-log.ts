import { readSync } from 'node:fs'

const headerBytes = 32
const frameHeaderBytes = 24
/** The last bit: whether checksums are of big-endian words. */
const magic = 0x377f0682
const saltsAt = 16
const saltsInFrame = 8

type Sums = readonly [number, number]

/**
 * The log of a database in WAL mode, in which the newest pages lie until they are copied. rpm copies them when it ends:
 * in the middle of a transaction, or after it was killed, packages are in the log alone. It reads what has been added
 * since the last time.
 */
export class SqliteLog {
  /** Offset in the log of the newest committed content of each page. */
  readonly pages = new Map<number, number>()
  #header: Buffer = Buffer.alloc(0)
  #sums: Sums = [0, 0]
  #end = headerBytes

  /** `pageBytes`: of the database. Throws a `RangeError` where the log is of another one. */
  read(log: number, pageBytes: number): void {
    const header = Buffer.alloc(headerBytes)
    const isThere = readSync(log, header, 0, headerBytes, 0) === headerBytes
    if (!isThere || !header.equals(this.#header)) this.#restart(header)
    if (!isThere || !this.#isValid()) return
    if (header.readUInt32BE(8) !== pageBytes) throw new RangeError('a log has other pages')
    this.#readFrames(log, pageBytes)
  }

  #restart(header: Buffer): void {
    this.#header = header
    this.#sums = this.#add([0, 0], header.subarray(0, 24))
    this.#end = headerBytes
    this.pages.clear()
  }

  /** Otherwise SQLite takes it for empty. */
  #isValid(): boolean {
    const [first, second] = this.#sums
    const isLog = (this.#header.readUInt32BE(0) & ~1) >>> 0 === magic
    return (
      isLog && this.#header.readUInt32BE(24) === first && this.#header.readUInt32BE(28) === second
    )
  }

  /** The first frame that is not of this log, or not whole, ends it. */
  #readFrames(log: number, pageBytes: number): void {
    const frame = Buffer.alloc(frameHeaderBytes + pageBytes)
    const salts = this.#header.subarray(saltsAt, saltsAt + 8)
    const begun = new Map<number, number>()
    let sums = this.#sums
    for (let at = this.#end; ; at += frame.length) {
      if (readSync(log, frame, 0, frame.length, at) < frame.length) return
      if (!frame.subarray(saltsInFrame, saltsInFrame + 8).equals(salts)) return
      sums = this.#add(this.#add(sums, frame.subarray(0, 8)), frame.subarray(frameHeaderBytes))
      if (frame.readUInt32BE(16) !== sums[0] || frame.readUInt32BE(20) !== sums[1]) return
      begun.set(frame.readUInt32BE(0), at + frameHeaderBytes)
      // The last frame of a transaction has the number of pages after it.
      if (frame.readUInt32BE(4) === 0) continue
      for (const [page, offset] of begun) this.pages.set(page, offset)
      begun.clear()
      this.#sums = sums
      this.#end = at + frame.length
    }
  }

  #add([first, second]: Sums, bytes: Buffer): Sums {
    const isBig = this.#header.readUInt32BE(0) % 2 === 1
    let [one, other] = [first, second]
    for (let at = 0; at < bytes.length; at += 8) {
      one = (one + (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + other) >>> 0
      other =
        (other + (isBig ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + one) >>> 0
    }
    return [one, other]
  }
}
