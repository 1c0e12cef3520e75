import type { Alert, AlertBehaviour, AlertCause } from '../../core/event/alert.ts'
import type { Cause } from '../../core/match/cause.ts'
import { commonFolder } from '../../core/match/place-class.ts'
import type { RiskFacts } from '../../core/event/alert-risk.ts'
import { replicaText } from '../../core/match/replicas.ts'
import { riskOf } from '../../core/match/risk.ts'
import type { ReplicaGroup } from './replica-groups.ts'

/** The first samples show the start of the pattern, and the latest ones how it continues. */
const firstKept = 5
const latestKept = 5
/** Characters of all samples. Each further event writes the whole alert, and a path may have 4,096 bytes. */
export const sampleChars = 16_384
/** Fewer names do not show a pattern. */
const proposedFrom = 3

export function causeView(cause: Cause, isWide: boolean): AlertCause {
  const { id, group, access, place, placeClass } = cause
  return {
    id: isWide ? `w${group}` : id,
    access,
    place,
    placeClass,
    names: 1,
    ...(isWide ? { wide: true } : {}),
  }
}

/** The alert with one more deviation of its cause. `isNew`: it has not shared the alert before. */
export function folded(
  alert: Alert,
  behaviour: AlertBehaviour | null,
  place: string,
  isNew: boolean,
): Alert {
  const { cause, risk } = alert
  if (cause === undefined || !isNew || behaviour === null) return alert
  const samples = alert.samples ?? (alert.behaviour === null ? [] : [alert.behaviour])
  const kept = bounded(
    samples.length < firstKept + latestKept
      ? [...samples, behaviour]
      : [...samples.slice(0, firstKept), ...samples.slice(firstKept + 1), behaviour],
  )
  const names = cause.names + 1
  const shared = cause.wide === true ? commonFolder(cause.place, place) : cause.place
  const { proposed: _, ...rest } = cause
  const proposed =
    cause.wide === true
      ? undefined
      : proposedPlace(
          cause,
          kept.map(({ object }) => object),
        )
  return {
    ...alert,
    samples: kept,
    cause: {
      ...rest,
      place: shared,
      names,
      ...(proposed === undefined ? {} : { proposed }),
    },
    ...(risk === undefined ? {} : { risk: { ...risk, names } }),
  }
}

/** Long names are fewer: the first, and the latest ones. */
function bounded(samples: readonly AlertBehaviour[]): readonly AlertBehaviour[] {
  const sizes = samples.map(({ object, text }) => object.length + text.length)
  let size = sizes.reduce((sum, each) => sum + each, 0)
  let dropped = 0
  while (size > sampleChars && samples.length - dropped > proposedFrom) {
    dropped += 1
    size -= sizes[dropped] ?? 0
  }
  return dropped === 0 ? samples : samples.toSpliced(1, dropped)
}

/** Keeps the constant part of the names, but only in a place that the service owns. */
export function proposedPlace(
  cause: Pick<AlertCause, 'access' | 'place' | 'placeClass'>,
  objects: readonly string[],
): string | undefined {
  const { access, placeClass, place } = cause
  if (access !== 'read' && access !== 'change') return undefined
  if (placeClass !== 'data' && placeClass !== 'temporary') return undefined
  if (objects.length < proposedFrom) return undefined
  const names = objects.map((object) => object.slice(object.lastIndexOf('/') + 1))
  const prefix = names.reduce(commonStart)
  const ends = names.map((name) => reversed(name.slice(prefix.length)))
  return `${place}${prefix}*${reversed(ends.reduce(commonStart))}`
}

function commonStart(a: string, b: string): string {
  let end = 0
  while (end < a.length && a[end] === b[end]) end++
  return a.slice(0, end)
}

function reversed(text: string): string {
  return Array.from(text).reverse().join('')
}

/** The alert with the current reports of the replicas, which its last reason states. */
export function withReplicas(
  alert: Alert,
  { shift, shown, running }: Pick<ReplicaGroup, 'shift' | 'shown' | 'running'>,
): Alert {
  const { risk, replicas } = alert
  if (risk === undefined) return alert
  const isSame = replicas?.shown === shown && replicas.running === running
  if (isSame && risk.replicas === shift) return alert
  const before = risk.replicas
  const reasons =
    before === undefined || replicas === undefined
      ? alert.reasons
      : alert.reasons.filter(
          (reason) => reason !== replicaText(before, replicas.shown, replicas.running),
        )
  const { replicas: _, ...facts } = risk
  return {
    ...alert,
    risk: shift === undefined ? facts : { ...facts, replicas: shift },
    replicas: { shown, running },
    reasons: shift === undefined ? reasons : [...reasons, replicaText(shift, shown, running)],
  }
}

/** Sets the severity that follows from the facts, unless a policy or a guardrail changed it. */
export function ranked(alert: Alert, before: RiskFacts | undefined): Alert {
  const { risk, severity } = alert
  if (risk === undefined) return alert
  if (before !== undefined && severity !== riskOf(before)) return alert
  return marked({ ...alert, severity: riskOf(risk) })
}

/** A deviation of low risk is novelty. */
export function marked(alert: Alert): Alert {
  const isNovelty =
    alert.type === 'deviation' && alert.severity === 'low' && alert.action === 'alerted'
  if ((alert.novelty === true) === isNovelty) return alert
  if (isNovelty) return { ...alert, novelty: true }
  const { novelty: _, ...rest } = alert
  return rest
}
