/**
 * A log must treat text that a container chose (paths, arguments, names) as data. Such text must
 * not end a line, start a record or control a terminal. These code points could: controls, format
 * and bidirectional marks, lone surrogates, line and paragraph separators.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
/** Runs of characters to look at. Most text is printable ASCII, and `unsafe` is slow over a long one. */
const candidates = /[^\x20-\x7e]+/g

/** Lossless JSON on one line: unsafe characters become `\uXXXX`. */
export function lineJson(value: unknown): string {
  return escaped(JSON.stringify(value), (char) =>
    Array.from({ length: char.length }, (_, at) => {
      return `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`
    }).join(''),
  )
}

/** Text on one line, for formats without an escape sequence: unsafe characters become `\u{…}`. */
export function visible(text: string): string {
  return escaped(text, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

function escaped(text: string, escape: (char: string) => string): string {
  return text.replace(candidates, (run) => run.replace(unsafe, escape))
}
