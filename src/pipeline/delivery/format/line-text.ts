/**
 * What a container chose (paths, arguments, names) reaches a log as data: it ends no line, starts no record and
 * steers no terminal. Each of these is a code point that could: controls, format and bidirectional marks, lone
 * surrogates, line and paragraph separators.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const plain = /^[\x20-\x7e]*$/

/** JSON on one line, without loss: whatever is unsafe is `\uXXXX`. */
export function lineJson(value: unknown): string {
  const json = JSON.stringify(value)
  if (plain.test(json)) return json
  return json.replace(unsafe, (char) =>
    Array.from({ length: char.length }, (_, at) => {
      return `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`
    }).join(''),
  )
}

/** Text on one line, for formats without an escape sequence: unsafe characters become `\u{…}`. */
export function visible(text: string): string {
  if (plain.test(text)) return text
  return text.replace(unsafe, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
