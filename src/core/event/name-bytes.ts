const encoder = new TextEncoder()
const BACKSLASH = 0x5c

/** The byte that `\xNN` at `at` stands for; undefined where there is no such escape. */
function escapedByte(text: string, at: number): number | undefined {
  if (text[at + 1] !== 'x') return undefined
  const digits = text.slice(at + 2, at + 4)
  return /^[0-9a-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined
}

/**
 * The bytes of a name that a source wrote as text: `\\` is a backslash, `\xNN` that byte, all else UTF-8. What
 * begins no escape stands for itself, so that any text has bytes.
 */
export function bytesOfName(text: string): Uint8Array {
  if (!text.includes('\\')) return encoder.encode(text)
  const bytes: number[] = []
  for (let at = 0; at < text.length; ) {
    const escaped = escapesAt(text, at)
    if (escaped !== undefined) {
      bytes.push(escaped.byte)
      at += escaped.length
      continue
    }
    // From here to the next backslash, which may be this one.
    const next = text.indexOf('\\', at + 1)
    const end = next < 0 ? text.length : next
    for (const byte of encoder.encode(text.slice(at, end))) bytes.push(byte)
    at = end
  }
  return Uint8Array.from(bytes)
}

function escapesAt(
  text: string,
  at: number,
): { readonly byte: number; readonly length: number } | undefined {
  if (text.charCodeAt(at) !== BACKSLASH) return undefined
  if (text.charCodeAt(at + 1) === BACKSLASH) return { byte: BACKSLASH, length: 2 }
  const byte = escapedByte(text, at)
  return byte === undefined ? undefined : { byte, length: 4 }
}
