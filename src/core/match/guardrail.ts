import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { GeneraliseRules } from '../behaviour/generalise-schema.ts'
import { Shaper } from '../behaviour/shape.ts'
import { severities, type Severity } from '../event/alert-words.ts'
import type { ActEvent, ExecEvent } from '../event/event.ts'
import { CompiledRules, type FileCondition, filesOf } from './condition.ts'
import { globs, literalNames, type Matcher } from './glob.ts'
import type { GuardrailCondition, GuardrailRules } from './rules-schema.ts'
import type { FiredGuardrail } from './verdict.ts'

/** Positive where `a` is graver than `b`. */
export function graver(a: Severity, b: Severity): number {
  return severities.indexOf(a) - severities.indexOf(b)
}

export function gravestFirst(fired: Iterable<FiredGuardrail>): readonly FiredGuardrail[] {
  return [...fired].sort((a, b) => graver(b.severity, a.severity))
}

/** Of a device a guardrail is about what it is, under any name: that guards no path. */
function isAbout({ access, device }: FileCondition, of: readonly string[]): boolean {
  return device === undefined && access.some((one) => of.includes(one))
}

/** What may be mapped as code is no reason to guard a file against being read. */
const content = ['read', 'write', 'create', 'delete', 'rename', 'setattr']

function conditionsOf({ guardrails }: GuardrailRules): readonly GuardrailCondition[] {
  return guardrails.flatMap(({ when }) => when)
}

/** The rules of both files together: no place includes a path that a guardrail watches. */
export function shaperOf(rules: {
  readonly generalise: GeneraliseRules
  readonly guardrails: GuardrailRules
}): Shaper {
  const conditions = conditionsOf(rules.guardrails)
  const sockets = conditions.flatMap((condition) =>
    condition.kind === 'connect' ? (condition.peer ?? []).filter((one) => one.startsWith('/')) : [],
  )
  const written = conditions.flatMap((condition) =>
    condition.kind === 'file' && isAbout(condition, ['write', 'create'])
      ? [filesOf(condition)]
      : [],
  )
  const guards = [globs(sockets), ...written]
  const isGuarded = (path: string): boolean => guards.some((hit) => hit(path))
  return new Shaper(rules.generalise, isGuarded, literalNames(sockets))
}

interface CompiledGuardrail {
  readonly fired: FiredGuardrail
  readonly novel: boolean
}

/** The guardrails, compiled. Immutable. Applied only to unexpected behaviours. */
export class Guardrails {
  readonly #rules: CompiledRules<CompiledGuardrail>
  /** With the conditions alone that ask for a hash. */
  readonly #byHash: CompiledRules<FiredGuardrail>
  readonly #guarded: readonly Matcher[]
  readonly #capabilities: ReadonlySet<string>
  readonly #programs: ReadonlySet<string>

  constructor(rules: GuardrailRules) {
    const conditions = conditionsOf(rules)
    this.#programs = new Set(
      rules.guardrails.filter(({ programs }) => programs === true).map(({ id }) => id),
    )
    this.#capabilities = new Set(
      conditions.flatMap((condition) => (condition.kind === 'capability' ? condition.name : [])),
    )
    this.#guarded = conditions.flatMap((condition) =>
      condition.kind === 'file' && isAbout(condition, content) ? [filesOf(condition)] : [],
    )
    const compiled = rules.guardrails.map(
      ({ when, novel = false, id, title, severity, attack, why }) => {
        return { when, novel, fired: Object.freeze({ id, title, severity, attack, why }) }
      },
    )
    this.#rules = new CompiledRules(compiled.map((one) => [one, one.when]))
    this.#byHash = new CompiledRules(
      compiled.map(({ fired, when }) => [
        fired,
        when.filter((condition) => condition.kind === 'exec' && condition.hash !== undefined),
      ]),
    )
  }

  /** Whether a guardrail protects the file, regardless of actor and access. */
  guards(path: string): boolean {
    return this.#guarded.some((matches) => matches(path))
  }

  /** Whether a guardrail is about the capability, by any actor. */
  guardsCapability(name: string): boolean {
    return this.#capabilities.has(name)
  }

  /** Whether the guardrail is about which programs there are. */
  isOfPrograms(id: string): boolean {
    return this.#programs.has(id)
  }

  /** What fires on one behaviour of an event, gravest first. */
  fired(ref: BehaviourRef, event: ActEvent, learning: boolean): readonly FiredGuardrail[] {
    const tripped = this.#rules.holding(event, [ref]).filter(({ novel }) => !(learning && novel))
    return gravestFirst(tripped.map(({ fired }) => fired))
  }

  /** What fires on the content of what was executed, whether or not the profile expects it; gravest first. */
  firedByHash(ref: BehaviourRef, event: ExecEvent): readonly FiredGuardrail[] {
    return gravestFirst(this.#byHash.holding(event, [ref]))
  }
}
