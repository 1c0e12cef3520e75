import micromatch from 'micromatch'

export type Matcher = (text: string) => boolean

/**
 * Globs compiled once into one question. `*` stays within a segment, `**` crosses them; hidden names and
 * names with line ends match like any other, so that no name escapes a guardrail.
 */
export function globs(patterns: readonly string[]): Matcher {
  const literal = new Set(patterns.filter((pattern) => !/[*?[\]{}()!+@|\\]/.test(pattern)))
  const compiled = patterns
    .filter((pattern) => !literal.has(pattern))
    // The `s` flag: a line end in a file name is a character like any other.
    .map(
      (pattern) =>
        new RegExp(micromatch.makeRe(pattern, { dot: true, nonegate: true }).source, 's'),
    )
  return (text) => literal.has(text) || compiled.some((expression) => expression.test(text))
}

/**
 * Whether a path is a folder above what the globs name, as far as they name it: a `*` alone would take files too that
 * lie beside such folders.
 */
export function holders(patterns: readonly string[]): Matcher {
  const above = patterns
    .flatMap((pattern) => micromatch.braces(pattern, { expand: true }))
    .flatMap((pattern) => {
      const parts = pattern.split('/').slice(0, -1)
      const anywhere = parts.indexOf('**')
      const named = anywhere < 0 ? parts : parts.slice(0, anywhere)
      return named
        .slice(1)
        .flatMap((name, index) => (name === '*' ? [] : [named.slice(0, index + 2).join('/')]))
    })
  return globs([...new Set(above)])
}
