/**
 * The parts of a text, one at a time: a list of all lines of a file that an image ships can be a hundred times larger
 * than the file.
 */
export function* linesOf(text: string, separator = '\n'): Generator<string> {
  let from = 0
  for (let to = text.indexOf(separator); to >= 0; to = text.indexOf(separator, from)) {
    yield text.slice(from, to)
    from = to + separator.length
  }
  yield text.slice(from)
}
