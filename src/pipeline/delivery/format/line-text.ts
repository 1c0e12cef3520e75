/**
 * A log must treat text that a container chose (paths, arguments, names) as data. Such text must
 * not end a line, start a record or control a terminal. These code points could: controls, format
 * and bidirectional marks, lone surrogates, line and paragraph separators.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const plain = /^[\x20-\x7e]*$/

/** Lossless JSON on one line: unsafe characters become `\uXXXX`. */
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
