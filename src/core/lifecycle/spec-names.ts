/** The decisions in the `spec` of an ImageProfile, as far as their names need them. */
export interface DecidedSpec {
  readonly mode?: string
  readonly authority?: string
  readonly approve?: {
    readonly all?: boolean
    readonly behaviours?: readonly string[]
    readonly quarantined?: readonly string[]
  }
  readonly reject?: { readonly behaviours?: readonly string[] }
}

export const approveAllName = 'approve all'
const modeNames = ['mode', 'git mode'] as const

/** A change of `authority` makes the mode a new decision. */
export function modeName(mode: string, isGit: boolean): string {
  return `${modeNames[isGit ? 1 : 0]} ${mode}`
}

export function isModeName(name: string): boolean {
  return modeNames.some((prefix) => name.startsWith(`${prefix} `))
}

/** One name for each decision: what is decided, and on which behaviour. */
export function decisionNames({ mode, authority, approve, reject }: DecidedSpec): string[] {
  return [
    ...(mode === undefined ? [] : [modeName(mode, authority === 'git')]),
    ...(approve?.all === true ? [approveAllName] : []),
    ...(approve?.behaviours ?? []).map((id) => `approve ${id}`),
    ...(approve?.quarantined ?? []).map((id) => `release ${id}`),
    ...(reject?.behaviours ?? []).map((id) => `reject ${id}`),
  ]
}

/** The annotation of an ImageProfile in which admission notes who made each decision. */
export const authorsAnnotation = 'snug.dev/authors'

/** By decision, from the annotation: user → names of decisions. Empty where it is none. */
export function authorsIn(annotation: string | undefined): ReadonlyMap<string, string> {
  const authors = new Map<string, string>()
  let value: unknown
  try {
    value = JSON.parse(annotation ?? '')
  } catch {
    return authors
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return authors
  for (const [user, names] of Object.entries(value)) {
    if (!Array.isArray(names)) continue
    for (const name of names) if (typeof name === 'string') authors.set(name, user)
  }
  return authors
}

/** The annotation of {@link authorsIn}: as short as it can be, since the API server bounds annotations. */
export function authorsText(authors: ReadonlyMap<string, string>): string {
  const byUser = new Map<string, string[]>()
  for (const [name, user] of authors) byUser.set(user, [...(byUser.get(user) ?? []), name])
  return JSON.stringify(Object.fromEntries(byUser))
}
