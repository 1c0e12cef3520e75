/**
 * SHA-256 in plain TypeScript, because `core` is pure and may not reach for node:crypto. It names new
 * behaviours only, and a test compares it with node:crypto.
 */
const rounds = 64
const fraction = (x: number): number => ((x - Math.floor(x)) * 0x1_0000_0000) | 0

function primes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n)
  return found
}

const K = Int32Array.from(primes(rounds), (p) => fraction(Math.cbrt(p)))
const H0 = Int32Array.from(primes(8), (p) => fraction(Math.sqrt(p)))

const rotr = (x: number, n: number): number => (x >>> n) | (x << (32 - n))
const at = (array: Int32Array, i: number): number => array[i] ?? 0

/** Message schedule of the block at hand; nothing here is asynchronous. */
const W = new Int32Array(rounds)

function compress(h: Int32Array, block: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) W[i] = block.getInt32(offset + i * 4)
  for (let i = 16; i < rounds; i++) {
    const w15 = at(W, i - 15)
    const w2 = at(W, i - 2)
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3)
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10)
    W[i] = at(W, i - 16) + s0 + at(W, i - 7) + s1
  }
  let [a, b, c, d] = [at(h, 0), at(h, 1), at(h, 2), at(h, 3)]
  let [e, f, g, last] = [at(h, 4), at(h, 5), at(h, 6), at(h, 7)]
  for (let i = 0; i < rounds; i++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)
    const t1 = (last + s1 + ((e & f) ^ (~e & g)) + at(K, i) + at(W, i)) | 0
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    last = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  h[0] = at(h, 0) + a
  h[1] = at(h, 1) + b
  h[2] = at(h, 2) + c
  h[3] = at(h, 3) + d
  h[4] = at(h, 4) + e
  h[5] = at(h, 5) + f
  h[6] = at(h, 6) + g
  h[7] = at(h, 7) + last
}

/** The text in bytes, with room for the padding. It is reused: small typed arrays are slow to make. */
let bytes = new Uint8Array(4_096)
let view = new DataView(bytes.buffer)

/**
 * Writes the text into `bytes` and returns its size: UTF-8, and a lone surrogate as its own three
 * bytes, so that distinct strings stay distinct.
 */
function encode(text: string): number {
  const most = text.length * 3 + 72
  if (bytes.length < most) {
    bytes = new Uint8Array(most * 2)
    view = new DataView(bytes.buffer)
  }
  let size = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.codePointAt(i) ?? 0
    if (c < 0x80) bytes[size++] = c
    else if (c < 0x800) {
      bytes[size++] = 0xc0 | (c >> 6)
      bytes[size++] = 0x80 | (c & 63)
    } else if (c < 0x1_0000) {
      bytes[size++] = 0xe0 | (c >> 12)
      bytes[size++] = 0x80 | ((c >> 6) & 63)
      bytes[size++] = 0x80 | (c & 63)
    } else {
      bytes[size++] = 0xf0 | (c >> 18)
      bytes[size++] = 0x80 | ((c >> 12) & 63)
      bytes[size++] = 0x80 | ((c >> 6) & 63)
      bytes[size++] = 0x80 | (c & 63)
      // Two units of the text.
      i += 1
    }
  }
  return size
}

const state = new Int32Array(8)

/** 64 hex digits. */
export function sha256Hex(text: string): string {
  const size = encode(text)
  const padded = (Math.floor((size + 8) / 64) + 1) * 64
  bytes.fill(0, size, padded)
  bytes[size] = 0x80
  view.setUint32(padded - 8, Math.floor((size * 8) / 0x1_0000_0000))
  view.setUint32(padded - 4, (size * 8) >>> 0)
  state.set(H0)
  for (let offset = 0; offset < padded; offset += 64) compress(state, view, offset)
  let hex = ''
  for (const word of state) hex += (word >>> 0).toString(16).padStart(8, '0')
  return hex
}
