import { type BannedTerm } from './rules.ts'

/** Rows of the table under a heading of the glossary, as cells. */
function rows(glossary: string, heading: string): readonly (readonly string[])[] {
  const section = glossary.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

function codeSpans(cell: string | undefined): readonly string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')
}

/** The words that the glossary does not allow, each with what to use. */
export function bannedOfGlossary(glossary: string): readonly BannedTerm[] {
  const banned = rows(glossary, 'Banned words').flatMap(([terms, use]) =>
    codeSpans(terms).map((term) => ({ term, use: use ?? '' })),
  )
  if (banned.length === 0) throw new Error('the glossary lists no banned words')
  return banned
}

/** Terms of the glossary that the code no longer has: each names identifiers, and these have to exist. */
export function faultsOfGlossary(glossary: string, sources: readonly string[]): readonly string[] {
  const identifiers = new Set(sources.flatMap((source) => source.match(/[A-Za-z_]\w*/g) ?? []))
  const terms = rows(glossary, 'Terms')
  if (terms.length === 0) return ['docs/glossary.md: no table of terms']
  return terms.flatMap(([term, , code]) => {
    const names = codeSpans(code)
    if (names.length === 0) return [`docs/glossary.md: ${term} names no identifier`]
    return names
      .filter((name) => !identifiers.has(name))
      .map((name) => `docs/glossary.md: no \`${name}\` in the code, named for ${term}`)
  })
}
