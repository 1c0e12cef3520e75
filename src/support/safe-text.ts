/**
 * What a container chose (paths, arguments, names) must not reach a terminal as it is: escape sequences
 * can rewrite what an operator reads, and bidirectional marks can reverse it.
 */
// Control, format, surrogate, private and unassigned code points; separators other than a plain space.
const unsafe = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

/** One line that is safe to print; every unsafe code point becomes `\u{…}`. */
export function safeText(text: string): string {
  return text.replace(unsafe, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/**
 * {@link safeText} for JSON, and for YAML in double quotes, where `\uXXXX` is lossless. Line breaks stay: those of
 * strings are escaped already.
 */
export function safeJson(json: string): string {
  return json.replace(unsafe, (char) => {
    if (char === '\n') return char
    return Array.from({ length: char.length }, (_, at) => {
      return `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`
    }).join('')
  })
}

/** Names differ at their ends, so cut the middle. */
export function cutMiddle(text: string, room: number): string {
  const chars = Array.from(text)
  if (chars.length <= room) return text
  const front = Math.ceil((room - 1) / 3)
  return `${chars.slice(0, front).join('')}…${chars.slice(chars.length - (room - 1 - front)).join('')}`
}
