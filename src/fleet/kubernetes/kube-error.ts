import { SnugError } from '../../errors.ts'

/** What the API server answered, or that it did not. */
export class KubeError extends SnugError {
  /** Of HTTP; absent where there was no answer. */
  readonly answered: number | undefined
  /** As the server names it: `Expired`, `Conflict`, `Forbidden`. */
  readonly reason: string | undefined
  /** The server asked to wait this long before the next request. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    how: { answered?: number; reason?: string; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    const code = how.answered === undefined ? 'KUBE_UNAVAILABLE' : 'KUBE_REFUSED'
    super(code, message, how.cause === undefined ? {} : { cause: how.cause })
    this.answered = how.answered
    this.reason = how.reason
    this.retryAfterMs = how.retryAfterMs
  }
}

export function hasAnswered(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof KubeError && statuses.includes(error.answered ?? 0)
}

/** Between requests that fail. */
export const kubeBackoff = { firstMs: 500, longestMs: 30_000 } as const

/** How long the server asked to wait, by 429 or 503 with Retry-After; 0 where it did not. */
export function askedMs(error: unknown): number {
  return error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
}

export function invalidAnswer(cause: unknown): KubeError {
  return new KubeError('the API server sent invalid JSON', { cause })
}
