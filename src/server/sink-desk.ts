/** What the API asks of those who deliver alerts. */
export interface SinkDesk {
  list(): readonly SinkView[]
  /** Errors: SINK_UNKNOWN. */
  test(name: string): Promise<SinkTestView>
}

/** Times are RFC 3339. */
export interface SinkView {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly target: string
  readonly state: 'idle' | 'delivering' | 'failing'
  readonly waiting: number
  /** Milliseconds that the oldest which waits has waited. */
  readonly lagMs: number
  readonly delivered: number
  readonly givenUp: number
  readonly lastDelivery?: string
  readonly lastError?: { readonly time: string; readonly text: string }
}

export interface SinkTestView {
  readonly ok: boolean
  readonly id: string
  readonly said: string
  readonly tookMs: number
}
