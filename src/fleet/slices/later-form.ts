import type { z } from 'zod'
import type { SnugError } from '../../errors.ts'

/** Makes the error of the store that an object is from. */
export type Refuse = (message: string) => SnugError

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/**
 * Parts that only a later version can have written: with another name of a format, a word that a list did not have, or a
 * member that a closed object did not have. They are left out alone, so that the rest of the value still counts. What has
 * no form at all refuses the whole value.
 *
 * Errors: those of `refuse`.
 *
 * @param alone paths of the parts that can be left out; `*` is an index
 * @param onLater gets the reason, where there are any
 * @returns their paths
 */
export function laterParts(
  value: unknown,
  { success, error }: z.ZodSafeParseResult<unknown>,
  alone: readonly string[],
  refuse: Refuse,
  onLater: (error: SnugError) => void,
): ReadonlySet<string> {
  if (success) return new Set()
  const byPart = new Map<string, Issue[]>()
  for (const issue of error.issues) {
    const part = partOf(issue.path, alone)
    if (part === undefined) throw refuse(issueText(issue))
    const known = byPart.get(part)
    if (known === undefined) byPart.set(part, [issue])
    else known.push(issue)
  }
  for (const issues of byPart.values()) {
    // Of another format nothing else is known either.
    if (issues.some((issue) => issue.path.at(-1) === 'schema' && isLater(issue, value))) continue
    const other = issues.find((issue) => !isLater(issue, value))
    if (other !== undefined) throw refuse(issueText(other))
  }
  const [first] = error.issues
  const which = byPart.size === 1 ? 'a part is' : `${byPart.size} parts are`
  onLater(refuse(`${which} left out, as a later version writes them: ${issueText(first)}`))
  return new Set(byPart.keys())
}

export function issueText(issue: Issue | undefined): string {
  return `\`${issue?.path.join('.') ?? ''}\`: ${issue?.message ?? 'is invalid'}`
}

function partOf(path: Path, alone: readonly string[]): string | undefined {
  for (let length = 1; length <= path.length; length += 1) {
    const head = path.slice(0, length)
    const form = head.map((step) => (typeof step === 'number' ? '*' : step)).join('.')
    if (alone.includes(form)) return head.join('.')
  }
  return undefined
}

function isLater(issue: Issue, value: unknown): boolean {
  if (issue.code === 'unrecognized_keys') return true
  // The kinds of objects are a union that a text selects from. No other union is open to later versions.
  const isChoice =
    issue.code === 'invalid_value'
      ? issue.values.every(isText)
      : issue.code === 'invalid_union' && issue.errors.length === 0
  return isChoice && isText(valueAt(value, issue.path))
}

function valueAt(value: unknown, path: Path): unknown {
  let inside = value
  for (const step of path) inside = (Object(inside) as Record<PropertyKey, unknown>)[step]
  return inside
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
