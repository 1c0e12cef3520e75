export const givenUpReasons = ['full', 'late', 'refused'] as const
export type GivenUpReason = (typeof givenUpReasons)[number]

/** State of a sink. Times are RFC 3339. */
export interface SinkView {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly target: string
  readonly state: 'idle' | 'delivering' | 'failing'
  readonly waiting: number
  readonly waitingBytes: number
  /** How long the oldest that waits has waited, in milliseconds. */
  readonly lagMs: number
  /** Since the agent started; an alert whose count rose is delivered again. */
  readonly delivered: number
  /** Attempts that failed: what they were to deliver waits, and is sent again. */
  readonly refusals: number
  readonly givenUp: number
  readonly givenUpFor: Readonly<Record<GivenUpReason, number>>
  readonly lastDelivery?: string
  readonly lastError?: { readonly time: string; readonly text: string }
}

/** The answer of a sink to a test alert. */
export interface SinkTest {
  readonly ok: boolean
  /** Id of the test alert. */
  readonly id: string
  readonly answer: string
  readonly tookMs: number
}

/** The part of alert delivery that the API uses. */
export interface SinkAdmin {
  list(): readonly SinkView[]
  /** Errors: SINK_UNKNOWN. */
  test(name: string): Promise<SinkTest>
}
