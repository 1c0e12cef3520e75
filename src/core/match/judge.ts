import type { ActEvent, ConnectAct, FileAct } from '../event/event.ts'
import { observableOf, type Observed, observableText } from '../coverage/observable.ts'
import { type Micros, microsOf } from '../event/time.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { endpointText } from '../behaviour/address-block.ts'
import type { BehaviourRef } from '../behaviour/behaviour.ts'
import { hiddenServer } from '../behaviour/dns-name.ts'
import { matchedRuleOf, isRefused } from '../profile/matched-rule.ts'
import { type Guardrails, gravestFirst } from './guardrail.ts'
import { gravestOf, riskFactsOf } from './risk.ts'
import { explain } from './nearest.ts'
import { isInOpenSlot, isRunAsSiblings } from './slot.ts'
import type { FiredGuardrail, Verdict } from './verdict.ts'

export interface JudgeOptions {
  readonly guardrails: Guardrails
  /** Why the profile's evidence has holes: verdicts then have partial confidence. */
  readonly incomplete?: string
  /**
   * What was observed during learning; absent: all. The profile has no verdict on anything else.
   */
  readonly observed?: Observed
  /** The version is learning: `novel` guardrails keep quiet. */
  readonly learning?: boolean
  /** False: omits nearest, reasons and severity, when nobody reads them. */
  readonly explain?: boolean
}

export const EXPECTED: Verdict = Object.freeze({
  outcome: 'expected',
  reasons: [],
  nearest: null,
  unexpected: [],
  guardrails: [],
  severity: 'low',
  confidence: 'full',
})

/**
 * Judges an event. Pure: the time is the event's own. `refs` are `behavioursOf(event, shaper)`;
 * `known` is absent where there is no profile to judge by.
 */
export function judge(
  known: ProfileReader | undefined,
  event: ActEvent,
  refs: readonly BehaviourRef[],
  options: JudgeOptions,
): Verdict {
  let micros: Micros | undefined
  const now = (): Micros => (micros ??= microsOf(event.time))
  // Most events are expected: they cost no list.
  let unexpected: BehaviourRef[] | undefined
  for (const ref of refs) {
    if (known !== undefined && matchedRuleOf(known, ref, now) !== undefined) continue
    unexpected ??= []
    unexpected.push(ref)
  }
  return unexpected === undefined ? EXPECTED : deviation(known, event, refs, unexpected, options)
}

function deviation(
  known: ProfileReader | undefined,
  event: ActEvent,
  refs: readonly BehaviourRef[],
  unexpected: readonly BehaviourRef[],
  options: JudgeOptions,
): Verdict {
  const isUnobserved =
    known !== undefined &&
    options.observed?.has(observableOf(event)) === false &&
    !unexpected.some((ref) => isRefused(known, ref, microsOf(event.time)))
  // For a kind that was not observed everything is new, so newness is no evidence.
  const quiet = options.learning === true || isUnobserved
  const fired = new Map<string, FiredGuardrail>()
  const byRef: (readonly string[])[] = refs.map((ref) => {
    if (!unexpected.includes(ref)) return []
    // A call that is learned like any other may also be as usual as those that were learned.
    const isOpen = ref.object.kind === 'syscall' && known !== undefined && isInOpenSlot(known, ref)
    const isKnown = quiet || isOpen
    const tripped = options.guardrails.fired(ref, asDecided(known, event, ref), isKnown)
    for (const guardrail of tripped) fired.set(guardrail.id, guardrail)
    return tripped.map((guardrail) => guardrail.id)
  })
  const guardrails = gravestFirst(fired.values())
  const isExplained = options.explain !== false
  const reported = isExplained && !isUnobserved ? explain(known, unexpected) : undefined
  const reasons = guardrails.map((guardrail) => `${guardrail.title}: ${guardrail.why}`)
  if (reported !== undefined) reasons.push(...reported.reasons)
  if (event.kind === 'file') reasons.push(...natureOf(event.file))
  if (event.kind === 'connect') reasons.push(...namingOf(event.connect))
  if (isUnobserved) {
    reasons.push(
      `no source observed ${observableText(observableOf(event))} while the profile was learned`,
    )
  }
  if (options.incomplete !== undefined) {
    reasons.push(`the profile is incomplete: ${options.incomplete}`)
  }
  return {
    outcome: known === undefined || isUnobserved ? 'unprofiled' : 'deviation',
    reasons,
    nearest: reported?.nearest ?? null,
    unexpected,
    guardrails,
    ...(fired.size === 0 ? {} : { guardrailsByRef: byRef }),
    severity:
      guardrails[0]?.severity ??
      gravestOf(isExplained ? unexpected.map((ref) => riskFactsOf(known, event, ref)) : []),
    confidence: options.incomplete === undefined ? 'full' : 'partial',
  }
}

/** What its path does not say about a file. */
function natureOf({ path, received, device, usualMount }: FileAct): readonly string[] {
  const said: string[] = []
  if (received === true) said.push('another process opened the file and passed it on')
  if (device === 'block') said.push('the file gives access to a disk')
  if (device === 'memory') said.push('the file gives access to the memory or the log of the kernel')
  if (usualMount !== undefined && !path.startsWith(`${usualMount}/`))
    said.push(`the file is of a file system that is usually mounted at ${usualMount}`)
  return said
}

/** How the peer got its name, where a client named it in TLS. */
function namingOf({ serverName, address, port }: ConnectAct): readonly string[] {
  if (serverName === undefined) return []
  const on = `on the connection to ${endpointText(address, port)}`
  return serverName === hiddenServer
    ? [`the client hid in TLS which server it asks for, ${on}`]
    : [`the client asked for this server in TLS, ${on}`]
}

/** Scripts of that form were decided on several times: a further one is no more foreign than those. */
function asDecided(known: ProfileReader | undefined, event: ActEvent, ref: BehaviourRef): ActEvent {
  if (event.kind !== 'exec' || event.exec.scriptDrift !== true) return event
  if (known === undefined || !isRunAsSiblings(known, ref)) return event
  const { scriptDrift: _, driftKind: __, ...exec } = event.exec
  return { ...event, exec: { ...exec, drift: false } }
}
