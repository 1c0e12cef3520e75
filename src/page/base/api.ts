import { signal } from '@preact/signals'

/** Milliseconds that the slowest of the latest answers cost the agent. */
export const slowest = signal(0)
/** Forgotten bit by bit. */
const fade = 0.7

/** The agent's answer when it refuses: RFC 9457, with the same codes as the command line. */
interface ProblemBody {
  readonly code?: string
  readonly detail?: string
  readonly hint?: string
}

/** The agent refused, or did not answer. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string

  constructor(status: number, { code = 'AGENT_UNREACHABLE', detail, hint = '' }: ProblemBody) {
    super(detail ?? 'the agent does not answer')
    this.status = status
    this.code = code
    this.hint = hint
  }

  /** Somebody else decided first. */
  get isConflict(): boolean {
    return this.status === 412
  }
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  /** The state that the decision is based on: the agent refuses it if the state has changed. */
  readonly revision?: string
  readonly signal?: AbortSignal
}

/**
 * Asks the agent.
 *
 * Errors: {@link Problem}.
 */
export async function ask<T>(path: string, call: Call = {}): Promise<T> {
  const { method = 'GET', body, revision, signal } = call
  const from = performance.now()
  let answer: Response
  let value: unknown
  try {
    answer = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(revision === undefined ? {} : { 'if-match': `"${revision}"` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    // A connection that ends within the answer is an answer that did not come.
    if (answer.ok) value = await answer.json()
  } catch (error) {
    if (signal?.aborted === true) throw error
    throw new Problem(0, {})
  }
  if (answer.ok) {
    slowest.value = Math.max(spentBy(answer, from), slowest.peek() * fade)
    return value as T
  }
  // The session ended: the document at `/` is where one signs in.
  if (answer.status === 401) location.reload()
  const problem = (await answer.json().catch(() => ({}))) as ProblemBody
  throw new Problem(answer.status, problem)
}

/** Milliseconds that the agent needed, by its own word; else since `from`, which counts the browser's work too. */
function spentBy({ headers }: Response, from: number): number {
  const spent = /\bagent;dur=([\d.]+)/.exec(headers.get('server-timing') ?? '')?.[1]
  return spent === undefined ? performance.now() - from : Number(spent)
}

/** `/v1/images/REF/…`, of an IMAGE as people write it. */
export function imagePath(ref: string, rest = ''): string {
  return `/v1/images/${encodeURIComponent(ref)}${rest}`
}

/** A query string of the members that are set. */
export function query(
  members: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const set = Object.entries(members).filter(([, value]) => value !== undefined && value !== '')
  if (set.length === 0) return ''
  return `?${new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString()}`
}
