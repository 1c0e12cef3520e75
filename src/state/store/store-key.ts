/**
 * Keys of the store: parts joined by `/`. A part is a foreign string (a repository, an image's label), so
 * the separator, the escape and lone surrogates (which UTF-8 cannot carry) are escaped: two different
 * lists of parts never give one key, and keys with the same first parts stay together.
 */
const separator = '/'
/** The character after the separator: no key beneath a prefix reaches it. */
const afterSeparator = '0'

// The pair must come first: only a surrogate that stands alone is escaped.
const specials = /[\ud800-\udbff][\udc00-\udfff]|[%/\ud800-\udfff]/g
const escaped = /%([0-9a-f]{4})/g

export function encodeKey(parts: readonly string[]): string {
  return parts.map(encodePart).join(separator)
}

export function decodeKey(key: string): string[] {
  return key.split(separator).map(decodePart)
}

/** Every key that has more parts than these and begins with them, and no other. */
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
