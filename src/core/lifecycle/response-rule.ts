import type { Severity } from '../event/alert-words.ts'
import type { Alert } from '../event/alert.ts'
import { globs, type Matcher } from '../match/glob.ts'
import { graver } from '../match/guardrail.ts'
import type { HoldLevel } from './hold.ts'

export const responseModes = ['dry-run', 'hold'] as const
/** `dry-run`: a rule reports what it would have held. */
export type ResponseMode = (typeof responseModes)[number]

/** All that is given must apply. */
export interface ResponseCondition {
  /** This severity and above. */
  readonly severity?: Severity | undefined
  /** Globs; one of them matches: a guardrail, an ATT&CK technique, the image's repository, the namespace. */
  readonly guardrails?: readonly string[] | undefined
  readonly techniques?: readonly string[] | undefined
  readonly images?: readonly string[] | undefined
  readonly namespaces?: readonly string[] | undefined
}

/** Has the agent hold the container of an alert. */
export interface ResponseRule {
  readonly name: string
  readonly when: ResponseCondition
  readonly level: HoldLevel
  readonly forMs: number
  /** Also the last container of its workload on this node that is not held. */
  readonly last: boolean
}

export interface ResponseRules {
  readonly mode: ResponseMode
  /** Containers that rules may hold within an hour. */
  readonly budget: number
  /** Globs of namespaces whose containers no rule holds. */
  readonly never: readonly string[]
  readonly rules: readonly ResponseRule[]
}

export const noResponses: ResponseRules = { mode: 'dry-run', budget: 0, never: [], rules: [] }

interface Compiled {
  readonly rule: ResponseRule
  readonly applies: (alert: Alert) => boolean
}

/** The rules, with their globs compiled. */
export class ResponseMatcher {
  readonly #rules: readonly Compiled[]
  readonly #never: Matcher

  constructor({ rules, never }: Pick<ResponseRules, 'rules' | 'never'>) {
    this.#rules = rules.map((rule) => ({ rule, applies: compiled(rule.when) }))
    this.#never = globs(never)
  }

  /**
   * The first rule that applies. None does to an alert that is not about an act of a container, that a person has decided
   * on, or about a session of a person or the engine: these come from outside.
   */
  ruleFor(alert: Alert): ResponseRule | undefined {
    const { type, container, process, decision, event } = alert
    if (type !== 'deviation' && type !== 'guardrail') return undefined
    if (container === undefined || decision !== undefined || event.kind === 'loss') return undefined
    if (process?.origin === 'exec-in' || process?.origin === 'probe') return undefined
    return this.#rules.find(({ applies }) => applies(alert))?.rule
  }

  isExempt({ workload }: Pick<Alert, 'workload'>): boolean {
    return workload?.namespace !== undefined && this.#never(workload.namespace)
  }
}

function compiled({
  severity,
  guardrails,
  techniques,
  images,
  namespaces,
}: ResponseCondition): (alert: Alert) => boolean {
  const ofGuardrail = guardrails && globs(guardrails)
  const ofTechnique = techniques && globs(techniques)
  const ofImage = images && globs(images)
  const ofNamespace = namespaces && globs(namespaces)
  return (alert) =>
    (severity === undefined || graver(alert.severity, severity) >= 0) &&
    (ofGuardrail === undefined || alert.guardrails.some(ofGuardrail)) &&
    (ofTechnique === undefined || alert.attack.some(ofTechnique)) &&
    (ofImage === undefined || ofImage(alert.image?.repository ?? '')) &&
    (ofNamespace === undefined || ofNamespace(alert.workload?.namespace ?? ''))
}

const hourMs = 3_600_000

/** How many containers were held within the last hour. Times are of a clock that nobody sets. */
export class ResponseBudget {
  #spent: number[] = []

  /** False where it is spent. */
  spend(most: number, steadyMs: number): boolean {
    this.#spent = this.#spent.filter((at) => steadyMs - at < hourMs)
    if (this.#spent.length >= most) return false
    this.#spent.push(steadyMs)
    return true
  }
}
