const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BACKSLASH = 0x5c

/**
 * Converts a name of the kernel, any bytes but NUL, to text. INVARIANT: different names give
 * different texts. Valid UTF-8 stays unchanged, except that a backslash becomes `\\`. Each invalid
 * byte becomes `\xNN`.
 */
export function nameOfBytes(bytes: Buffer): string {
  if (!bytes.includes(BACKSLASH)) {
    try {
      return decoder.decode(bytes)
    } catch {
      return escapeBytes(bytes)
    }
  }
  return escapeBytes(bytes)
}

function escapeBytes(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceSize(bytes, at)
    if (size === 0) {
      text += `\\x${byteAt(bytes, at).toString(16).padStart(2, '0')}`
      at += 1
      continue
    }
    const part = bytes.toString('utf8', at, at + size)
    text += part === '\\' ? '\\\\' : part
    at += size
  }
  return text
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0
}

/** Length of the valid UTF-8 sequence at `at`; 0 if there is none. */
function sequenceSize(bytes: Buffer, at: number): number {
  const first = byteAt(bytes, at)
  if (first < 0x80) return 1
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
  if (size === 0 || at + size > bytes.length) return 0
  try {
    decoder.decode(bytes.subarray(at, at + size))
    return size
  } catch {
    return 0
  }
}
