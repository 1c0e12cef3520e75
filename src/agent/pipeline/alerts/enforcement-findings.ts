import { imageKey } from '../../../core/event/image-key.ts'
import type { Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertBehaviour } from '../../../core/event/alert.ts'
import type { ActEvent, ImageRef, LossEvent } from '../../../core/event/event.ts'
import type { Finding } from './finding.ts'

/** Findings about blocking itself: each is an alert of type `enforcement`. */

const plain = {
  type: 'enforcement',
  nearest: null,
  behaviour: null,
  guardrails: [],
  attack: [],
} as const

/** Reporting node and time (epoch milliseconds). */
export interface Teller {
  readonly node: string
  readonly nowMs: number
}

/** A gap in enforcement, not in observation: from now until `to`, if that is known. */
function lost(reason: string, { node, nowMs }: Teller, image?: ImageRef, to = nowMs): LossEvent {
  const time = new Date(nowMs).toISOString()
  return {
    v: 1,
    kind: 'loss',
    time,
    node,
    source: 'agent',
    ...(image === undefined ? {} : { image }),
    loss: { reason, count: 0, from: time, to: new Date(to).toISOString() },
  }
}

export function disarmedFinding(image: ImageRef, because: string, teller: Teller): Finding {
  return {
    ...plain,
    fingerprint: `enforcement/disarmed/${imageKey(image)}`,
    severity: 'critical',
    reasons: [because, 'until then, deviations of these kinds raise alerts only'],
    mode: 'block',
    event: lost('blocking-disarmed', teller, image),
  }
}

/** `until`: epoch milliseconds. */
export function brokenGlassFinding(
  image: ImageRef,
  because: string,
  until: number,
  teller: Teller,
): Finding {
  const end = new Date(until).toISOString()
  return {
    ...plain,
    // Each break-glass is a separate alert: a person's decision with a reason.
    fingerprint: `enforcement/break-glass/${imageKey(image)}/${end}`,
    severity: 'high',
    reasons: [because, `the kernel blocks nothing of this version until ${end}`],
    mode: 'block',
    event: lost('break-glass', teller, image, until),
  }
}

/** `mode`: the requested mode of the version. */
export function failedProfileFinding(
  image: ImageRef,
  why: string,
  mode: string,
  teller: Teller,
): Finding {
  return {
    ...plain,
    fingerprint: `enforcement/profile/${imageKey(image)}`,
    severity: mode === 'block' ? 'critical' : 'medium',
    reasons: [
      `The kernel does not have the profile of this version: ${why}`,
      'Deviations of this version raise alerts and are not blocked',
    ],
    mode,
    event: lost('profile-failed', teller, image),
  }
}

/** `container` ran unblocked for `ms`, until it was assigned. */
export function gapFinding(
  image: ImageRef,
  container: string,
  gap: { readonly fromMs: number; readonly toMs: number },
  teller: Teller,
): Finding {
  const { fromMs, toMs } = gap
  const event = lost('enforcement-gap', { ...teller, nowMs: fromMs }, image, toMs)
  return {
    ...plain,
    fingerprint: `enforcement/gap/${imageKey(image)}`,
    severity: 'high',
    reasons: [
      `A container of this version ran for ${Math.round(toMs - fromMs)} ms before the agent could block its events`,
      'Those events were judged and raised alerts; the agent blocks the container since then',
    ],
    mode: 'block',
    event: { ...event, container: { id: container } },
  }
}

export function failedProbeFinding(
  passed: boolean,
  missed: readonly string[],
  teller: Teller,
): Finding {
  const refused = passed ? [] : ['the kernel stopped an allowed action']
  const through = missed.map((name) => `the kernel did not stop a forbidden action: ${name}`)
  return {
    ...plain,
    fingerprint: 'enforcement/self-probe',
    severity: 'critical',
    reasons: [
      'the self-test of blocking failed: do not rely on blocking on this node',
      ...refused,
      ...through,
    ],
    mode: 'block',
    event: lost('self-probe', teller),
  }
}

export const stoppedThough = [
  'held',
  'disagreement',
  'expected-since',
  'learning',
  'unknown',
] as const
/** Why the kernel stopped an event that user space allows. */
export type StoppedThough = (typeof stoppedThough)[number]

/** `act` identifies the event by its container and version. */
export function stoppedFingerprint(why: StoppedThough, act: string): string {
  return `enforcement/${why}/${act}`
}

const stoppedReasons: Readonly<Record<StoppedThough, readonly string[]>> = {
  held: ['a person holds the container: `snug quarantine list` shows who, why and until when'],
  disagreement: [
    'the kernel stopped an action that the profile allows: this is a fault of Snug and may harm the service',
    'stop blocking with `snug break-glass`, and report the fault with this alert',
  ],
  'expected-since': [
    'the kernel applied an older profile, or an older name of the peer; the profile allows this action',
  ],
  learning: [
    'the kernel stopped an action of a version that is learning: it still had the profile and mode from before',
  ],
  unknown: [
    'the kernel stopped an action of a container whose image the agent does not know any more, or not yet',
  ],
}

/** With `block.failClosed`, the kernel stops what it has no profile for. */
const failClosedReasons: Partial<Record<StoppedThough, readonly string[]>> = {
  learning: [
    'the kernel stopped an action of a version that is learning: `block.failClosed` is set',
  ],
  unknown: [
    'the kernel stopped an action before the image of its container was known: `block.failClosed` is set',
  ],
}

const stoppedSeverities: Partial<Record<StoppedThough, Severity>> = {
  held: 'low',
  disagreement: 'critical',
}

export interface StoppedDetails {
  readonly behaviour: AlertBehaviour | null
  /** Identifies the event by its container and version. */
  readonly act: string
  readonly mode: string
  readonly failClosed: boolean
}

export function stoppedFinding(
  why: StoppedThough,
  event: ActEvent,
  { behaviour, act, mode, failClosed }: StoppedDetails,
): Finding {
  return {
    ...plain,
    fingerprint: stoppedFingerprint(why, act),
    severity: stoppedSeverities[why] ?? 'medium',
    reasons: (failClosed ? failClosedReasons[why] : undefined) ?? stoppedReasons[why],
    behaviour,
    mode,
    event,
    action: actionOf(event),
  }
}

/** The action in the alert: what the kernel did about the event. */
export function actionOf({ enforced }: Pick<ActEvent, 'enforced'>): Alert['action'] {
  return enforced ?? 'alerted'
}
