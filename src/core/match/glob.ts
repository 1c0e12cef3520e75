import micromatch from 'micromatch'

export type Matcher = (text: string) => boolean

/**
 * Globs compiled once into one question. `*` stays within a segment, `**` crosses them; hidden names and
 * names with line ends match like any other, so that no name escapes a guardrail.
 */
export function globs(patterns: readonly string[]): Matcher {
  const each = expanded(patterns)
  const literal = new Set(each.filter((pattern) => !special.test(pattern)))
  const compiled = each.filter((pattern) => !literal.has(pattern)).map(compiledGlob)
  return (text) =>
    literal.has(text) ||
    compiled.some(({ part, expression }) => text.includes(part) && expression.test(text))
}

/** Without braces: one for each of their alternatives. */
export function expanded(patterns: readonly string[]): readonly string[] {
  return patterns.flatMap((pattern) => micromatch.braces(pattern, { expand: true }))
}

const special = /[*?[\]{}()!+@|\\]/

/** The last names of these paths, as far as they are no patterns. */
export function literalNames(patterns: readonly string[]): readonly string[] {
  const names = expanded(patterns).map((pattern) => pattern.slice(pattern.lastIndexOf('/') + 1))
  return [...new Set(names)].filter((name) => name !== '' && !special.test(name)).sort()
}

interface CompiledGlob {
  /** In every match. Most names do not have it, and to look for it costs less than the expression. */
  readonly part: string
  readonly expression: RegExp
}

function compiledGlob(pattern: string): CompiledGlob {
  return {
    part: /[[\](){}!+@|\\]/.test(pattern) ? '' : longestLiteral(pattern),
    // The `s` flag: a line end in a file name is a character like any other.
    expression: new RegExp(micromatch.makeRe(pattern, { dot: true, nonegate: true }).source, 's'),
  }
}

function longestLiteral(pattern: string): string {
  return (
    pattern
      // `/a/**` is also `/a` itself.
      .replace(/\/\*\*$/, '')
      .split(/[*?]+/)
      .reduce((longest, part) => (part.length > longest.length ? part : longest), '')
  )
}

/** Patterns of any text: `*` stands for any text, `/` included, and `?` for one character; braces list alternatives. */
export function texts(patterns: readonly string[]): Matcher {
  const expressions = expanded(patterns).map((pattern) =>
    pattern
      .split('*')
      .map((part) => part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('?', '.'))
      .join('.*'),
  )
  const expression = new RegExp(`^(?:${expressions.join('|')})$`, 's')
  return (text) => expression.test(text)
}

/**
 * Whether a path is a folder above what the globs name, as far as they name it: a `*` alone would take files too that
 * lie beside such folders.
 */
export function holders(patterns: readonly string[]): Matcher {
  return globs(holderPatterns(patterns))
}

export function holderPatterns(patterns: readonly string[]): readonly string[] {
  const above = expanded(patterns).flatMap((pattern) => {
    const parts = pattern.split('/').slice(0, -1)
    const anywhere = parts.indexOf('**')
    const named = anywhere < 0 ? parts : parts.slice(0, anywhere)
    return named
      .slice(1)
      .flatMap((name, index) => (name === '*' ? [] : [named.slice(0, index + 2).join('/')]))
  })
  return [...new Set(above)]
}
