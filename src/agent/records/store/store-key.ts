/**
 * Keys of the store: parts joined by `/`. A part is a foreign text (a repository, a label of an
 * image). So the separator, the escape and lone surrogates, which UTF-8 cannot represent, are
 * escaped. INVARIANT: different lists of parts give different keys, and keys with the same first
 * parts are adjacent.
 */
const separator = '/'
/** The character after the separator: every key below a prefix is smaller. */
const afterSeparator = '0'

// The pair must come first, so that only a lone surrogate is escaped.
const specials = /[\ud800-\udbff][\udc00-\udfff]|[%/\ud800-\udfff]/g
const escaped = /%([0-9a-f]{4})/g

export function encodeKey(parts: readonly string[]): string {
  return parts.map(encodePart).join(separator)
}

export function decodeKey(key: string): string[] {
  return key.split(separator).map(decodePart)
}

/** Exactly the keys that start with these parts and have more. */
export function keyRange(parts: readonly string[]): { readonly gte: string; readonly lt: string } {
  const prefix = encodeKey(parts)
  return { gte: prefix + separator, lt: prefix + afterSeparator }
}

function encodePart(part: string): string {
  return part.replace(specials, (found) =>
    found.length === 2 ? found : `%${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function decodePart(part: string): string {
  return part.replace(escaped, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
