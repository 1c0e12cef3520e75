import type { Steps } from '../core/steps.ts'

const pieceLength = 65_536

/**
 * The text of `JSON.stringify` in pieces, in UTF-8. Lists that are no items of another list become text item by item.
 * For plain data: its objects have no `toJSON`.
 */
export function* jsonPieces(value: object): Steps<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = []
  let text = ''
  for (const part of partsOf(value)) {
    text += part
    if (text.length >= pieceLength) {
      pieces.push(encoder.encode(text))
      text = ''
    }
    yield
  }
  if (text !== '' || pieces.length === 0) pieces.push(encoder.encode(text))
  return pieces
}

const encoder = new TextEncoder()

function* partsOf(value: unknown): Iterable<string> {
  if (Array.isArray(value)) {
    let before = '['
    for (const item of value) {
      yield `${before}${JSON.stringify(item) ?? 'null'}`
      before = ','
    }
    yield before === '[' ? '[]' : ']'
  } else if (typeof value === 'object' && value !== null) {
    let before = '{'
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue
      yield `${before}${JSON.stringify(name)}:`
      yield* partsOf(member)
      before = ','
    }
    yield before === '{' ? '{}' : '}'
  } else yield JSON.stringify(value) ?? 'null'
}
