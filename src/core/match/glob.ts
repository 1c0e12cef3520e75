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
