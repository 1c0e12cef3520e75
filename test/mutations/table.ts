/** A promise of README or threat model, and an edit that breaks it. */
export interface Mutation {
  readonly promise: string
  /** From the root of the repository. */
  readonly file: string
  /** Occurs once in the file. */
  readonly before: string
  readonly after: string
  /** The test file that must fail. */
  readonly caughtBy: string
  /** Project of vitest. A test of `system` runs the sensor, which is built again. */
  readonly lane: 'fast' | 'system'
}

/** To add one: break a promise by hand, look which test fails, and write both down. Without such a test, write it first. */
export const mutations: readonly Mutation[] = [
  {
    promise: 'a window ends on measured coverage',
    file: 'src/core/lifecycle/version.ts',
    before: 'if (coverage.bound > rules.unseen) {',
    after: 'if (coverage.bound > 2) {',
    caughtBy: 'test/core/lifecycle/version.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a window does not end on evidence with a loss',
    file: 'src/core/lifecycle/version.ts',
    before: 'if (lastLossMs !== undefined && nowMs - lastLossMs < rules.floorMs) {',
    after: 'if (lastLossMs !== undefined && nowMs < lastLossMs) {',
    caughtBy: 'test/core/lifecycle/version.test.ts',
    lane: 'fast',
  },
  {
    promise: 'an incomplete profile never blocks',
    file: 'src/core/lifecycle/version.ts',
    before: 'if (version.holes !== undefined) return `its evidence has holes: ${version.holes}`',
    after: '',
    caughtBy: 'test/core/lifecycle/version.test.ts',
    lane: 'fast',
  },
  {
    promise: 'counts of losses add up, also where spans are joined',
    file: 'src/state/versions/loss-ledger.ts',
    before: 'count: a.count + b.count,',
    after: 'count: a.count,',
    caughtBy: 'test/state/versions/loss-ledger.test.ts',
    lane: 'fast',
  },
  {
    promise: 'break-glass ends at its time',
    file: 'src/core/lifecycle/blocking.ts',
    before: 'if (breakGlass !== undefined && nowMs >= breakGlass.until) {',
    after: 'if (breakGlass !== undefined && nowMs < 0) {',
    caughtBy: 'test/core/lifecycle/blocking.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a spent budget disarms its kind, and no other',
    file: 'src/core/lifecycle/blocking.ts',
    before: '...(armed && except.length > 0 ? { except } : {}),',
    after: '',
    caughtBy: 'test/core/lifecycle/blocking.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a disarmed canary is not widened',
    file: 'src/core/lifecycle/blocking.ts',
    before:
      'if (blocking.disarmedAt === undefined) settled = { ...settled, blocking: all, because }',
    after: 'settled = { ...settled, blocking: all, because }',
    caughtBy: 'test/core/lifecycle/blocking.test.ts',
    lane: 'fast',
  },
  {
    promise: 'an alert is not lost: a sink that refuses gets it again',
    file: 'src/pipeline/delivery/delivery-queue.ts',
    before: 'await this.#refused(batch, error, backoff)',
    after: 'this.#taken(batch)',
    caughtBy: 'test/pipeline/delivery/dispatcher.test.ts',
    lane: 'fast',
  },
  {
    promise: 'an alert is not lost: what a store refuses is stored later',
    file: 'src/state/persistence/persister.ts',
    before: 'this.#giveUp()\n      return',
    after: 'this.#giveUp()',
    caughtBy: 'test/state/persistence/persister.test.ts',
    lane: 'fast',
  },
  {
    promise: 'an alert that a sink gives up is on record',
    file: 'src/pipeline/delivery/delivery-queue.ts',
    before: 'if (given !== undefined) this.#options.onGivenUp(this.name, given)',
    after: '',
    caughtBy: 'test/pipeline/delivery/dispatcher.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a sink gets what it confirmed once, also after a restart',
    file: 'src/pipeline/delivery/delivery-queue.ts',
    before: 'if (record.id <= this.#cursor || !this.#binding.accepts(record)) continue',
    after: 'if (!this.#binding.accepts(record)) continue',
    caughtBy: 'test/pipeline/delivery/dispatcher.test.ts',
    lane: 'fast',
  },
  {
    promise: 'the audit chain detects a changed entry',
    file: 'src/core/audit/audit-chain.ts',
    before: '} else if (previous !== this.#hash) {',
    after: "} else if (previous === '') {",
    caughtBy: 'test/core/audit/audit-chain.test.ts',
    lane: 'fast',
  },
  {
    promise: 'the audit chain detects that its end was removed',
    file: 'src/core/audit/audit-chain.ts',
    before: 'if (head.seq > this.#seq) this.#fault',
    after: 'if (head.seq < 0) this.#fault',
    caughtBy: 'test/core/audit/audit-chain.test.ts',
    lane: 'fast',
  },
]
