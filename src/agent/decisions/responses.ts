import { LRUCache } from 'lru-cache'
import type { Alert } from '../../core/event/alert.ts'
import {
  ResponseBudget,
  ResponseMatcher,
  type ResponseRule,
  type ResponseRules,
} from '../../core/lifecycle/response-rule.ts'
import { describeError } from '../../errors.ts'
import type { PendingContainer } from '../pipeline/identity/identity.ts'
import type { Agent } from '../engine/agent.ts'
import type { HoldService } from './hold-service.ts'

/** `would`: the mode is `dry-run`. `refused`: a bound of the rules forbids it. */
export type ResponseOutcome = 'held' | 'would' | 'refused' | 'failed'

/** Alerts that were answered, and containers whose rules are quiet. */
const remembered = 4_096
/** After an answer without a hold: more alerts of the container would fill the audit log with the same. */
const quietMs = 3_600_000
const retryMs = 60_000

/** Has containers held where a rule of the config asks for that. */
export class Responses {
  readonly counts: Record<ResponseOutcome, number> = { held: 0, would: 0, refused: 0, failed: 0 }
  readonly #agent: Agent
  readonly #holds: HoldService
  readonly #steady: () => number
  readonly #budget = new ResponseBudget()
  /** Alerts that led to a hold. They change with each repeat, also after a person's release. */
  readonly #answered = new LRUCache<string, true>({ max: remembered })
  /** By rule and container: until when (steady milliseconds) it is quiet. */
  readonly #quiet = new LRUCache<string, number>({ max: remembered })
  #rules: ResponseRules
  #matcher: ResponseMatcher

  /** `steady`: milliseconds by a clock that nobody can set. */
  constructor(agent: Agent, holds: HoldService, rules: ResponseRules, steady: () => number) {
    this.#agent = agent
    this.#holds = holds
    this.#steady = steady
    this.#rules = rules
    this.#matcher = new ResponseMatcher(rules)
  }

  set rules(rules: ResponseRules) {
    this.#rules = rules
    this.#matcher = new ResponseMatcher(rules)
  }

  /** Alerts that are new, or have changed. */
  consider(alerts: readonly Alert[]): void {
    if (this.#rules.rules.length === 0) return
    for (const alert of alerts) {
      const rule = this.#matcher.ruleFor(alert)
      if (rule !== undefined) this.#answer(alert, rule)
    }
  }

  #answer(alert: Alert, rule: ResponseRule): void {
    const { holds, kernel } = this.#agent
    const container = kernel.reported(alert.container?.id ?? '')
    if (container === undefined || this.#answered.has(`${rule.name} ${alert.id}`)) return
    if (holds.of(container).some(({ level }) => level === rule.level)) return
    if (this.#steady() < (this.#quiet.get(quietKey(rule, container)) ?? -Infinity)) return
    const because = this.#refusal(alert, rule, container)
    if (because !== undefined) {
      this.#beQuiet(rule, container, quietMs)
      this.#record(alert, rule, 'refused', because)
    } else if (this.#rules.mode === 'dry-run') {
      // As long as the container would be held.
      this.#beQuiet(rule, container, rule.forMs)
      this.#record(alert, rule, 'would')
    } else void this.#hold(alert, rule, container)
  }

  #beQuiet(rule: ResponseRule, container: PendingContainer, forMs: number): void {
    this.#quiet.set(quietKey(rule, container), this.#steady() + forMs)
  }

  async #hold(alert: Alert, rule: ResponseRule, container: PendingContainer): Promise<void> {
    const { name, level, forMs } = rule
    const { id } = container
    const by = { who: `rule ${name}`, reason: `alert ${alert.id}: ${alert.reasons[0] ?? ''}` }
    this.#answered.set(`${name} ${alert.id}`, true)
    try {
      await this.#holds.hold({ target: id, level, forMs }, by)
      this.#record(alert, rule, 'held')
    } catch (error) {
      this.#beQuiet(rule, container, retryMs)
      this.#record(alert, rule, 'failed', describeError(error))
    }
  }

  /** Why the container is not held, although a rule asks for it. */
  #refusal(alert: Alert, rule: ResponseRule, container: PendingContainer): string | undefined {
    if (this.#matcher.isExempt(alert)) return 'no rule holds containers of its namespace'
    if (!rule.last && !this.#hasOther(container))
      return 'it is the last one of its workload on this node that is not held'
    if (!this.#budget.spend(this.#rules.budget, this.#steady()))
      return `rules have held ${this.#rules.budget} containers within an hour`
    return undefined
  }

  /** Whether another container does the same work and is free to. */
  #hasOther(container: PendingContainer): boolean {
    const { holds, kernel, registry } = this.#agent
    const work = workOf(container)
    return [...kernel.present()].some((other) => {
      const run = registry.versionOfContainer(other.id)?.runs.get(other.id)
      const runs = run !== undefined && run.to === undefined
      return (
        runs && other.id !== container.id && workOf(other) === work && holds.of(other).length === 0
      )
    })
  }

  #record(alert: Alert, rule: ResponseRule, outcome: ResponseOutcome, because?: string): void {
    const { journal, parts } = this.#agent
    this.counts[outcome] += 1
    const fields = {
      rule: rule.name,
      level: rule.level,
      alert: alert.id,
      container: alert.container?.id,
      outcome,
      ...(because === undefined ? {} : { because }),
    }
    parts.log.warn(fields, 'a response rule applies')
    journal.audit('response', `rule ${rule.name}`, fields)
    journal.changed()
  }
}

function quietKey({ name }: ResponseRule, { id }: PendingContainer): string {
  return `${name} ${id}`
}

function workOf({ image, workload }: PendingContainer): string {
  if (workload === undefined) return `image ${image.repository}`
  const { namespace = '', kind = '', name } = workload
  return `workload ${namespace}/${kind}/${name} ${image.repository}`
}
