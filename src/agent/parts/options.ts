import { packageVersion } from '../../support/package-version.ts'
import type { Config } from '../../support/config/config-schema.ts'
import type { DispatcherOptions } from '../pipeline/delivery/dispatcher.ts'
import type { DeliveryQueueLimits } from '../pipeline/delivery/delivery-queue.ts'
import { bindSink } from '../pipeline/delivery/sinks/make-sink.ts'
import type { SinkBinding } from '../pipeline/delivery/sinks/sink.ts'
import { describeError } from '../../errors.ts'
import type { CaptureRules } from '../evidence/case-service.ts'
import { fileSigner } from '../../supplychain/attest/keys.ts'
import type { DeliveryNews } from '../records/persistence/journal.ts'
import type { Product } from '../pipeline/delivery/format/alert-facts.ts'
import type { ResponseRules } from '../../core/lifecycle/response-rule.ts'
import type { LearnRules } from '../../core/lifecycle/version.ts'
import { unblockableBut } from '../../core/lifecycle/vital-units.ts'
import { globs } from '../../core/match/glob.ts'
import type { StormRules } from '../pipeline/alerts/storms.ts'
import { requirementsByImage } from '../../ci/gate/representative.ts'
import { type Log, stageLog } from '../../support/telemetry/log.ts'

/** Alerts kept in the store for a sink that has yet to take one of them. */
const alertsKeptForSinks = 100_000

function teachingNamespaces(patterns: readonly string[]): NonNullable<LearnRules['teaches']> {
  const has = globs(patterns)
  return patterns.includes('**') ? () => true : (name) => name !== undefined && has(name)
}

/** What may change while the agent runs. */
export function liveParts(config: Config) {
  const { learn, profiles, after, block, storm, outbox, respond, retention, flushInterval } = config
  const rules: LearnRules = {
    floorMs: learn.floor,
    ceilingMs: learn.ceiling,
    unseen: learn.unseen,
    inheritedForMs: learn.vanishAfter,
    after,
    block: {
      canary: block.canary,
      canaryForMs: block.canaryFor,
      budget: block.budget,
      from: block.from,
    },
    teaches: teachingNamespaces(learn.namespaces),
    mergeFrom: profiles.mergeFrom,
    unblockable: unblockableBut(block.vitalUnits),
    ...(learn.representative.length === 0
      ? {}
      : { mustSee: requirementsByImage(learn.representative) }),
  }
  const limits: DeliveryQueueLimits = {
    outbox: { maxBytes: outbox.size, maxAgeMs: outbox.age, maxSpan: alertsKeptForSinks },
    repeatMs: storm.repeat,
  }
  const storms: StormRules = { each: storm.each, withinMs: storm.within, always: storm.always }
  const responses: ResponseRules = {
    ...respond,
    rules: respond.rules.map(({ for: forMs, ...rule }) => ({ ...rule, forMs })),
  }
  const { versions, age: ageMs } = retention
  return {
    rules,
    retention: { versions, ageMs },
    limits,
    storms,
    responses,
    capture: captureRules(config),
    flushIntervalMs: flushInterval,
  }
}

/** Errors: KEY_INVALID */
function captureRules({ capture: { key, ...rules } }: Config): CaptureRules {
  return key === undefined ? rules : { ...rules, signer: fileSigner(key) }
}

/** The sinks of the config, each with its format and transport. */
export function outletsOf({ sinks, deliver }: Config): readonly SinkBinding[] {
  return sinks.map((sink) => bindSink(sink, product(), deliver.from))
}

/** As receivers of alerts read it. */
export function product(): Product {
  return { vendor: 'Snug', name: 'snug', version: packageVersion() }
}

/** Of delivery, but for those who hear of it. */
export function dispatcherOptions(
  config: Config,
  log: Log,
): Omit<DispatcherOptions, keyof DeliveryNews> {
  const stage = stageLog(log, 'deliver')
  return {
    ...liveParts(config).limits,
    node: config.node,
    onError: (sink, error, waitMs) => {
      stage.warn(
        { sink, waitMs, error: describeError(error) },
        'a sink refused alerts: they stay queued',
      )
    },
  }
}
