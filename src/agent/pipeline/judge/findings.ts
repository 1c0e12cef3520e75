import type { Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertBehaviour, RiskFacts } from '../../../core/event/alert.ts'
import type { ActEvent, LossEvent } from '../../../core/event/event.ts'
import type { Survival } from '../../../core/event/event-words.ts'
import { imageKey } from '../../../core/event/image-key.ts'
import { containerBlind } from '../../../core/sight/blindness.ts'
import { type Observable, observableText } from '../../../core/coverage/observable.ts'
import type { Verdict } from '../../../core/match/verdict.ts'
import {
  behaviourId,
  type BehaviourId,
  type BehaviourRef,
} from '../../../core/behaviour/behaviour.ts'
import { sha256Hex } from '../../../core/behaviour/sha256.ts'
import { actorText, objectLine, objectText } from '../../../core/behaviour/describe.ts'
import { plainObject } from '../../../core/behaviour/subject.ts'
import { type Cause, causeOf } from '../../../core/match/cause.ts'
import { componentReason } from '../../../core/match/cause-text.ts'
import { lossSeverity } from '../../../core/match/loss-risk.ts'
import { placeClassOf } from '../../../core/match/place-class.ts'
import { mainRef, riskOf } from '../../../core/match/risk.ts'
import { distinct, type Techniques } from '../../../core/match/technique.ts'
import type { Finding, FindingCause } from '../alerts/finding.ts'
import { actionOf } from '../alerts/enforcement-findings.ts'
import { runOf } from './loaded-files.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** A judged event: by a version's profile, or without one. */
export interface Judged {
  readonly event: ActEvent
  readonly refs: readonly BehaviourRef[]
  readonly verdict: Verdict
  readonly version: DeployedVersion | undefined
  /** The event preceded the assignment of its container, so that the kernel could not stop it. */
  readonly isLate?: boolean
}

/** An event that was judged by a version's profile. */
export type JudgedBy = Judged & { readonly version: DeployedVersion }

/** Equal for events that are one alert: of one container, with one action. */
export function actName(
  version: DeployedVersion | undefined,
  container: string,
  origin: string,
  behaviours: readonly BehaviourId[],
  action: Alert['action'],
): string {
  const act = `${version?.key ?? 'unprofiled'}/${container}/${origin}/${behaviours.join('+')}`
  return action === 'alerted' ? act : `${act}/${action}`
}

export function actNameOf(
  { event, refs, version }: Omit<Judged, 'verdict'>,
  action: Alert['action'] = actionOf(event),
): string {
  const ids = refs.map((ref) => behaviourId(ref.key))
  return actName(version, event.container.id, event.process.origin, ids, action)
}

/**
 * The cause of a deviation; undefined if nothing was unexpected. The cost does not depend on the
 * size of the profile.
 */
export function findingCauseOf({ event, verdict, version }: Judged): FindingCause | undefined {
  const ref = mainRef(verdict.unexpected)
  if (ref === undefined) return undefined
  const replicasOf = version?.key ?? 'unprofiled'
  const guardrails = verdict.guardrails.map(({ id }) => id)
  const { container, process } = event
  const parts = [replicasOf, container.id, process.origin, actionOf(event), ...guardrails]
  const scope = sha256Hex(parts.join('\u0000')).slice(0, 20)
  return { cause: causeOf(ref), scope, replicasOf, running: 0 }
}

/** The cause of all that a component of the version does, in each of its containers. */
export function componentCauseOf(
  ref: BehaviourRef,
  component: string,
  version: DeployedVersion,
): FindingCause & { readonly part: Cause } {
  const group = sha256Hex(component).slice(0, 20)
  return {
    cause: {
      id: `n${group}`,
      group,
      actor: actorText(ref.actor),
      access: 'run',
      place: component,
      placeClass: placeClassOf(component),
    },
    scope: sha256Hex(`component\u0000${version.key}`).slice(0, 20),
    replicasOf: version.key,
    running: 0,
    part: causeOf(ref),
  }
}

/**
 * The cause of all that a script of the image and the programs that it runs do in one container. Files that may be anything
 * have another one.
 */
export function firstRunCauseOf(
  { event, version }: JudgedBy,
  ref: BehaviourRef,
  { script, isOfKnownKind }: { readonly script: string; readonly isOfKnownKind: boolean },
): FindingCause & { readonly part: Cause } {
  const scope = ['first-run', version.key, event.container.id, event.process.origin, isOfKnownKind]
  return {
    ...componentCauseOf(ref, script, version),
    scope: sha256Hex(scope.join('\u0000')).slice(0, 20),
    isFirstRun: true,
  }
}

/** An act of a component. Its alert has the severity of its gravest act. */
export function componentFinding(
  judged: Judged,
  grounds: FindingGrounds & {
    readonly cause: FindingCause & { readonly part: Cause }
    readonly severity: Severity
  },
): Finding {
  const { reasons, cause, severity } = grounds
  const finding = deviationFinding(judged, grounds)
  const { behaviour, sample = behaviour } = finding
  if (sample === null) return finding
  const { place } = cause.cause
  const about = { place, component: [cause.part], firstRun: cause.isFirstRun }
  const first = componentReason(about, sample)
  return { ...finding, severity, reasons: [first, ...reasons] }
}

export interface FindingGrounds {
  /** Appended to the reasons of the verdict. */
  readonly reasons: readonly string[]
  readonly cause: FindingCause | undefined
  /** Absent if a guardrail decides the severity. */
  readonly risk?: RiskFacts | undefined
  readonly techniques: Techniques
}

/** A deviation, or an event that matches a guardrail. */
export function deviationFinding(
  judged: Judged,
  { reasons, cause, risk, techniques }: FindingGrounds,
): Finding {
  const { event, verdict, version } = judged
  const { guardrails } = verdict
  const rated = guardrails.length > 0 ? undefined : risk
  const run = runOf(judged)
  return {
    fingerprint: actNameOf(judged),
    type: guardrails.length > 0 ? 'guardrail' : 'deviation',
    severity: rated === undefined ? verdict.severity : riskOf(rated),
    ...(cause === undefined ? {} : { cause }),
    ...(run === undefined ? {} : { run }),
    ...(rated === undefined ? {} : { risk: rated }),
    reasons: [...verdict.reasons, ...reasons, ...linkReason(event), ...missedReason(judged)],
    nearest: verdict.nearest,
    behaviour: withForm(verdict.unexpected),
    ...sampleOf(verdict.unexpected),
    guardrails: guardrails.map(({ id }) => id),
    attack: distinct([
      ...guardrails.flatMap(({ attack }) => attack),
      ...techniques.of(event, verdict.unexpected),
    ]),
    mode: version?.life.mode ?? 'unprofiled',
    ...(verdict.confidence === 'partial' ? { confidence: verdict.confidence } : {}),
    event,
    action: actionOf(event),
  }
}

const ofNothing = {
  nearest: null,
  behaviour: null,
  guardrails: [],
  attack: [],
} as const

/** An event that no source observed during learning: reported once for each of these. */
export function unobservedKindFinding(
  event: ActEvent,
  kind: Observable,
  version: DeployedVersion,
): Finding {
  const seen = [...version.observed].filter((each) => each !== 'loss').join(', ')
  return {
    ...ofNothing,
    fingerprint: `unobserved-kind/${version.key}/${kind}`,
    type: 'loss',
    severity: 'low',
    reasons: [
      `${observableText(kind)} raise no deviations: no source observed them during learning (observed: ${seen})`,
      'to learn them, set the version back to learning: `snug profile mode IMAGE learn`',
    ],
    mode: version.life.mode,
    event,
  }
}

/** Of one container, or of the node. All blind containers of a version have one cause. */
export function lossFingerprint({ source, loss, container, image }: LossEvent): string {
  if (loss.reason === containerBlind && image !== undefined) {
    return `loss/${source}/${loss.reason}/${imageKey(image)}`
  }
  return `loss/${source}/${loss.reason}/${container?.id ?? ''}`
}

/** `before`: events of earlier losses that share the alert. */
export function lossFinding(
  event: LossEvent,
  { before, blocks }: { readonly before: number; readonly blocks: boolean },
): Finding {
  const { reason, count } = event.loss
  return {
    ...ofNothing,
    fingerprint: lossFingerprint(event),
    type: 'loss',
    severity: lossSeverity({ reason, count: count === 0 ? undefined : before + count, blocks }),
    reasons: [lossSentence(event)],
    mode: 'none',
    event,
  }
}

function linkReason(event: ActEvent): readonly string[] {
  if (event.kind !== 'file' || !event.file.access.includes('create')) return []
  const { path, to } = event.file
  return to === undefined ? [] : [`made a hard link: \`${path}\` is another name of \`${to}\``]
}

const survivalReasons: Readonly<Record<Survival, string>> = {
  'held-by-others':
    'the kernel killed the process, but another thread or process holds what it obtained',
  'effect-remains': 'the kernel killed the process, but the effect of the action may remain',
}

function missedReason({ event: { enforced, survives }, isLate }: Judged): readonly string[] {
  if (enforced !== 'missed') return []
  if (isLate === true)
    return ['the kernel could not stop it: the agent assigned the container later']
  return survives === undefined
    ? ['this host cannot stop this action: the kernel allowed it']
    : [survivalReasons[survives]]
}

export function mainBehaviour(unexpected: readonly BehaviourRef[]): AlertBehaviour | null {
  const ref = mainRef(unexpected)
  if (ref === undefined) return null
  return {
    id: behaviourId(ref.key),
    kind: ref.object.kind,
    object: objectText(ref.object),
    text: objectLine(ref.object),
  }
}

/** {@link mainBehaviour} with its form, for decisions in other places. */
function withForm(unexpected: readonly BehaviourRef[]): AlertBehaviour | null {
  const behaviour = mainBehaviour(unexpected)
  const ref = mainRef(unexpected)
  if (behaviour === null || ref === undefined) return behaviour
  const { actor, uid, object, origin, literal } = ref
  const form = { actor, uid, object, origin, ...(literal === undefined ? {} : { literal }) }
  return withChanges(behaviour, { form })
}

/** A shape says which names are alike; a sample is the name that was used. */
function sampleOf(unexpected: readonly BehaviourRef[]): { readonly sample?: AlertBehaviour } {
  const ref = mainRef(unexpected)
  const behaviour = withForm(unexpected)
  if (ref?.literal === undefined || behaviour === null) return {}
  const object = plainObject(ref)
  return {
    sample: withChanges(behaviour, { object: objectText(object), text: objectLine(object) }),
  }
}

function lossSentence({ source, loss, container }: LossEvent): string {
  if (loss.reason === containerBlind) {
    const name = container?.name ?? container?.id ?? ''
    return `the container \`${name}\` is blind: this agent does not see what its processes do`
  }
  const what =
    loss.count === 0
      ? 'an unknown number of events'
      : `${loss.count} ${loss.count === 1 ? 'event' : 'events'}`
  return `${what} lost between ${loss.from} and ${loss.to}: ${loss.reason} (${source})`
}
