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
  /** Of that file. All but `fast` run what was built, so that it is built again. */
  readonly lane: 'fast' | 'sensor' | 'system' | 'apart' | 'qemu'
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
  {
    promise: 'an action that the profile does not allow is stopped',
    file: 'agent/bpf/lib/judge.bpf.h',
    before: 'return verdict->deviates == DEVIATES && verdict->block &&',
    after: 'return verdict->deviates == DEVIATES && verdict->block && verdict->refused &&',
    caughtBy: 'test/sensor/budget.test.ts',
    lane: 'sensor',
  },
  {
    promise: 'an exec session does not spend the budget of the workload',
    file: 'agent/bpf/lib/judge.bpf.h',
    before: 'task->origin != SNUG_EXEC_IN;',
    after: 'task->origin;',
    caughtBy: 'test/sensor/budget.test.ts',
    lane: 'sensor',
  },
  {
    promise: 'a program that is only in memory is drift',
    file: 'agent/bpf/process/drift.bpf.h',
    before: '\t\treturn SNUG_DRIFT_MEMFD;',
    after: '\t\treturn 0;',
    caughtBy: 'test/sensor/hard-acts.test.ts',
    lane: 'sensor',
  },
  {
    promise: 'a program of the image that was opened for writing is drift',
    file: 'agent/bpf/process/drift.bpf.h',
    before: '\tif (bpf_map_lookup_elem(&written, &key))\n\t\treturn false;\n\twalk_from',
    after: '\tif (bpf_map_lookup_elem(&written, &key) && !key)\n\t\treturn false;\n\twalk_from',
    caughtBy: 'test/sensor/blocking.test.ts',
    lane: 'sensor',
  },
  {
    promise: 'an event that a full ring refuses is on record as a loss',
    file: 'agent/bpf/lib/emit.bpf.h',
    before: '\tif (slot)\n\t\t__sync_fetch_and_add(&slot->dropped, 1);\n',
    after: '',
    caughtBy: 'test/sensor/persistence.test.ts',
    lane: 'sensor',
  },
  {
    promise: 'what triggers a guardrail is never learned silently',
    file: 'src/core/profile/cell-kind.ts',
    before: "return phase === 'learned' && origin !== 'exec-in' && guardrails.length === 0",
    after: "return phase === 'learned' && origin !== 'exec-in'",
    caughtBy: 'test/engine/review.test.ts',
    lane: 'fast',
  },
  {
    promise: 'the severity of an open alert only rises',
    file: 'src/state/alerts/alert-store.ts',
    before: `    if (graver(severity, known.severity) <= 0) return known
    const next = this.#graded(withChanges(known, { severity, reasons }))
    return graver(next.severity, known.severity) > 0 ? next : known
`,
    after: `    return this.#graded(withChanges(known, { severity, reasons }))
`,
    caughtBy: 'test/pipeline/judge/component.test.ts',
    lane: 'fast',
  },
  {
    promise: 'what a container does after its window makes nothing ordinary',
    file: 'src/pipeline/judge/event-memory.ts',
    before: "const phase: Phase = isTaught ? 'learned' : 'later'",
    after: "const phase: Phase = 'learned'",
    caughtBy: 'test/property/ordinary.test.ts',
    lane: 'fast',
  },
  {
    promise: 'the decision of a person is on the audit chain',
    file: 'src/engine/review/commit-decision.ts',
    before:
      '  context.journal.audit(what, by.who, { image: first.key, ...images, ...author, ...fields })\n',
    after: '',
    caughtBy: 'test/engine/review.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a version that stops blocking by itself is an alert',
    file: 'src/enforcement/enforcement-reports.ts',
    before: '    alerts.raise(disarmedFinding(version.image, life.because, this.#teller), now())\n',
    after: '',
    caughtBy: 'test/enforcement/block-mode.test.ts',
    lane: 'fast',
  },
  {
    promise: 'secrets do not reach the log',
    file: 'src/support/telemetry/log.ts',
    before:
      "paths: ['token', 'password', 'secret', 'authorization', '*.token', '*.authorization'],",
    after: 'paths: [],',
    caughtBy: 'test/support/telemetry/telemetry.test.ts',
    lane: 'fast',
  },
  {
    promise: 'secrets do not reach the output of commands',
    file: 'src/support/config/explain-config.ts',
    before: "return redact(typeof value === 'string' ? value : JSON.stringify(value))",
    after: "return typeof value === 'string' ? value : JSON.stringify(value)",
    caughtBy: 'test/support/config/load-config.test.ts',
    lane: 'fast',
  },
  {
    promise: 'the daemon checks the role of each call, whatever the gateway checked',
    file: 'src/interfaces/server/app.ts',
    before: "if (route.role === 'nobody' || mayAs(role, route.role)) return",
    after: "if (route.role === 'nobody' || role !== undefined) return",
    caughtBy: 'test/interfaces/server/taken-gateway.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a page of another origin cannot call the API',
    file: 'src/interfaces/server/access/origin-guard.ts',
    before: 'if (origin !== undefined && origin !== `${scheme}://${host}`) {',
    after: "if (origin === '') {",
    caughtBy: 'test/interfaces/server/refusals.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a profile that nobody trusted has signed is refused',
    file: 'src/supplychain/attest/verify.ts',
    before: 'const key = keys.find((one) => one.verifies(message, signature))',
    after: 'const key = keys.find(() => message.length > 0 && signature.length > 0)',
    caughtBy: 'test/product/attestation.test.ts',
    lane: 'apart',
  },
  {
    promise: 'a pod with an image that fails its checks is refused',
    file: 'src/supplychain/admission/decide.ts',
    before: "deny: { verdict: 'refused', allowed: false, warns: true },",
    after: "deny: { verdict: 'refused', allowed: true, warns: true },",
    caughtBy: 'test/supplychain/admission/decide.test.ts',
    lane: 'fast',
  },
  {
    promise: 'a gateway that kept its rights is ended',
    file: 'src/interfaces/server/gateway/gateway-supervisor.ts',
    before:
      "if (rights.pid !== process.pid && (rights.uid === 0 || rights.capabilities !== 'none')) {",
    after: 'if (rights.pid === 0) {',
    caughtBy: 'test/interfaces/server/gateway-supervisor.test.ts',
    lane: 'fast',
  },
  {
    promise: 'what the store has acknowledged survives kill -9',
    file: 'src/state/store/level-store.ts',
    before: 'await batch.write(options)',
    after: 'void batch.write(options)',
    caughtBy: 'test/state/store/kill.system.test.ts',
    lane: 'apart',
  },
]
