/**
 * SHA-256 in plain TypeScript, because `profile` is pure and may not reach for node:crypto. It names new
 * behaviours only, so its speed does not matter; a test holds it against node:crypto.
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

function compress(h: Int32Array, w: Int32Array): void {
  for (let i = 16; i < rounds; i++) {
    const w15 = at(w, i - 15)
    const w2 = at(w, i - 2)
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3)
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10)
    w[i] = at(w, i - 16) + s0 + at(w, i - 7) + s1
  }
  const v = Int32Array.from(h)
  for (let i = 0; i < rounds; i++) {
    const a = at(v, 0)
    const e = at(v, 4)
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)
    const choice = (e & at(v, 5)) ^ (~e & at(v, 6))
    const t1 = (at(v, 7) + s1 + choice + at(K, i) + at(w, i)) | 0
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)
    const majority = (a & at(v, 1)) ^ (a & at(v, 2)) ^ (at(v, 1) & at(v, 2))
    v.copyWithin(1, 0, 7)
    v[4] = at(v, 4) + t1
    v[0] = t1 + s0 + majority
  }
  for (let i = 0; i < 8; i++) h[i] = at(h, i) + at(v, i)
}

/** UTF-8, and a lone surrogate as its own three bytes, so that distinct strings stay distinct. */
export function encodeText(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const c = character.codePointAt(0) ?? 0
    if (c < 0x80) bytes.push(c)
    else if (c < 0x800) bytes.push(0xc0 | (c >> 6), 0x80 | (c & 63))
    else if (c < 0x1_0000) bytes.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
    else {
      bytes.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63))
      bytes.push(0x80 | ((c >> 6) & 63), 0x80 | (c & 63))
    }
  }
  return Uint8Array.from(bytes)
}

/** 64 hex digits. */
export function sha256Hex(text: string): string {
  const bytes = encodeText(text)
  const blocks = Math.floor((bytes.length + 8) / 64) + 1
  const padded = new Uint8Array(blocks * 64)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor((bytes.length * 8) / 0x1_0000_0000))
  view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0)
  const h = Int32Array.from(H0)
  const w = new Int32Array(rounds)
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(block * 64 + i * 4)
    compress(h, w)
  }
  return Array.from(h, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
