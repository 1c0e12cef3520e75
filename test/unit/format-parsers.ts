/** Readers of the formats, written from their descriptions and not from what Snug writes. */

export interface Cef {
  readonly head: readonly string[]
  readonly extension: Readonly<Record<string, string>>
}

export function parseCef(line: string): Cef {
  const head: string[] = []
  let at = 0
  let part = ''
  while (head.length < 7) {
    const char = line[at]
    if (char === undefined) throw new Error('the header is cut')
    if (char === '\\') {
      part += line[at + 1] ?? ''
      at += 2
      continue
    }
    if (char === '|') {
      head.push(part)
      part = ''
    } else part += char
    at += 1
  }
  return { head, extension: parseExtension(line.slice(at)) }
}

/** An `=` that no backslash stands before ends a key, which is the word before it. */
function parseExtension(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  let key: string | undefined
  let value = ''
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? ''
    if (char === '\\') {
      const next = text[at + 1] ?? ''
      value += next === 'n' ? '\n' : next === 'r' ? '\r' : next
      at += 1
    } else if (char === '=') {
      const space = value.lastIndexOf(' ')
      if (key !== undefined) found[key] = value.slice(0, space)
      key = value.slice(space + 1)
      if (!/^\w+$/.test(key)) throw new Error(`\`${key}\` is no key`)
      value = ''
    } else value += char
  }
  if (key !== undefined) found[key] = value
  return found
}

export function parseLeef(line: string): Cef {
  const parts = line.split('|')
  const head = parts.slice(0, 6)
  const pairs = parts
    .slice(6)
    .join('|')
    .split('\t')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
  return { head, extension: Object.fromEntries(pairs) as Record<string, string> }
}
