import { createHash } from 'node:crypto'

const lone = /([\ud800-\udfff])/u

/** 64 hex digits, of the text in UTF-8. A lone surrogate has its own three bytes: distinct texts stay distinct. */
export function sha256Hex(text: string): string {
  const hash = createHash('sha256')
  if (!lone.test(text)) return hash.update(text, 'utf8').digest('hex')
  for (const [i, part] of text.split(lone).entries()) {
    hash.update(i % 2 === 0 ? Buffer.from(part) : bytesOf(part.charCodeAt(0)))
  }
  return hash.digest('hex')
}

function bytesOf(surrogate: number): Uint8Array {
  return Uint8Array.of(
    0xe0 | (surrogate >> 12),
    0x80 | ((surrogate >> 6) & 63),
    0x80 | (surrogate & 63),
  )
}
