import { PathPattern } from '../behaviour/language.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'

/** In the root, folders beside each other are of different programs. */
const FIRST_PART = 2

/** Whether the folder is one that is known, or differs from it in one part alone. */
export function isBeside(
  known: string,
  folder: string,
  patterns: Map<string, PathPattern>,
): boolean {
  const [a, b] = [known.split('/'), folder.split('/')]
  if (a.length !== b.length) return false
  const others = differing(a, b, patterns)
  return others.length < 2 && others.every((i) => i >= FIRST_PART)
}

/**
 * Of folders that differ from each other in some parts, and otherwise are called the same: whether another one differs
 * from them in these parts alone.
 *
 * @param known in the language of shapes, each with `/` at its end, as `folder` has
 * @returns the folder above the parts that vary; undefined where it is not like them
 */
export function variedAbove(known: readonly string[], folder: string): string | undefined {
  const patterns = new Map<string, PathPattern>()
  const wanted = folder.split('/')
  const alike = known.map((one) => one.split('/')).filter(({ length }) => length === wanted.length)
  for (const one of alike) {
    const parts = differing(one, wanted, patterns)
    const [first] = parts
    if (first === undefined || first < FIRST_PART) continue
    const varies = alike.some((other) =>
      one.every((part, i) => (part !== other[i]) === parts.includes(i)),
    )
    if (varies) return `${wanted.slice(0, first).join('/')}/`
  }
  return undefined
}

/** The parts in which a folder differs from a known one. */
function differing(
  known: readonly string[],
  folder: readonly string[],
  patterns: Map<string, PathPattern>,
): readonly number[] {
  return known.flatMap((part, i) => {
    const name = folder[i] ?? ''
    return part === name || isOneOf(part, name, patterns) ? [] : [i]
  })
}

function isOneOf(shape: string, name: string, patterns: Map<string, PathPattern>): boolean {
  if (!shape.includes('<')) return false
  let pattern = patterns.get(shape)
  if (pattern === undefined) {
    pattern = new PathPattern(shapedLanguage(shape))
    patterns.set(shape, pattern)
  }
  return pattern.has(name)
}
