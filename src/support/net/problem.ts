import { describeError, type ErrorCode, errorTable, SnugError } from '../../errors.ts'

/** `application/problem+json` (RFC 9457), with the codes that the CLI speaks too. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string
}

/** Any error other than `SnugError` is a bug in Snug: its text stays in the log. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof SnugError
  const code = known ? error.code : 'INTERNAL'
  const { status, hint } = errorTable[code]
  return {
    type: `urn:snug:error:${code}`,
    title: code.toLowerCase().replaceAll('_', ' '),
    status,
    code,
    detail: known ? describeError(error) : 'an unexpected fault: see the log of the agent',
    hint,
  }
}
