import { severities } from '../../../core/event/alert-words.ts'
import type {
  Alert,
  AlertBehaviour,
  AlertCause,
  AlertCausePart,
  AlertComponentPart,
  RiskFacts,
} from '../../../core/event/alert.ts'
import { type Cause, isOfFiles } from '../../../core/match/cause.ts'
import { componentReason } from '../../../core/match/cause-text.ts'
import { commonFolder } from '../../../core/match/place-class.ts'
import { replicaText } from '../../../core/match/replicas.ts'
import { riskOf } from '../../../core/match/risk.ts'
import { wideId } from './cause-fingerprint.ts'
import type { FindingCause } from '../../pipeline/alerts/finding.ts'
import type { ReplicaGroup } from './replica-groups.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** The first samples show the start of the pattern, and the latest ones how it continues. */
const firstKept = 5
const latestKept = 5
/** Commands and peers have no pattern that stands for those in between: the alert for all further ones lists more of them. */
const furtherKept = 59
/** Characters of all samples. Each further event writes the whole alert, and a path may have 4,096 bytes. */
export const sampleChars = 16_384
/** Fewer names do not show a pattern. */
const proposedFrom = 3

export function causeView(
  { cause, part, isFirstRun, instance }: FindingCause,
  isWide: boolean,
): AlertCause {
  const { id, access, place, placeClass } = cause
  const single = { id, access, place, placeClass, names: 1 }
  if (part !== undefined) {
    const component = [partOf(part)]
    return { ...single, component, ...(isFirstRun === true && { firstRun: true }) }
  }
  if (!isWide) return single
  const wide = widened(single, wideId(cause))
  return instance === undefined ? wide : { ...wide, place: instance, instance }
}

/** The cause of an alert that other causes share. `shared`: the id of what they have in common. */
export function widened(single: AlertCause, shared: string): AlertCause {
  const { proposed: _, ...cause } = single
  const { id, place, names } = cause
  const parts = isOwned(cause) ? partsWith([], { id, place, names }) : []
  return withChanges(cause, {
    id: shared,
    wide: true,
    ...(parts.length === 0 ? {} : { parts }),
  })
}

/** Acts of a component by cause that share its alert. What it does beyond them is reported act by act. */
export const componentKept = 64
const componentChars = 8_192

/** Whether the alert of a component holds an act of that cause. */
export function hasPart({ cause }: Pick<Alert, 'cause'>, { id }: Cause): boolean {
  return cause?.component?.some((part) => part.id === id) === true
}

export function hasRoomForPart({ cause }: Pick<Alert, 'cause'>, part: Cause): boolean {
  const parts = cause?.component ?? []
  const size = parts.reduce((sum, { place }) => sum + place.length, part.place.length)
  return parts.length < componentKept && size <= componentChars
}

/** The alert of a component with one more act of it, which is the `latest`. */
export function withPart(alert: Alert, part: Cause, latest: AlertBehaviour): Alert {
  const { cause, reasons } = alert
  if (cause?.component === undefined) return alert
  const component = hasPart(alert, part) ? cause.component : [...cause.component, partOf(part)]
  const [, ...rest] = reasons
  return withChanges(alert, {
    cause: withChanges(cause, { component }),
    reasons: [
      componentReason({ place: cause.place, component, firstRun: cause.firstRun }, latest),
      ...rest,
    ],
  })
}

function partOf({ id, access, place }: Cause): AlertComponentPart {
  return { id, access, place }
}

/** Causes of one alert that a decision on it may cover, and characters of their places together. */
const partsKept = 32
const partChars = 4_096

/** One more of the cause's names. A cause that has no room any more is decided name by name. */
function partsWith(
  parts: readonly AlertCausePart[],
  { id, place, names }: AlertCausePart,
): readonly AlertCausePart[] {
  const at = parts.findIndex((part) => part.id === id)
  const known = parts[at]
  if (known !== undefined) return parts.with(at, { ...known, names: known.names + names })
  const size = parts.reduce((sum, part) => sum + part.place.length, place.length)
  return parts.length < partsKept && size <= partChars ? [...parts, { id, place, names }] : parts
}

/** From this number on, names count as a place. */
const wholeFrom = 3

/**
 * Ids of causes that a person allowed as places in which new names keep appearing, instead of single names: of an alert
 * of several causes those that would be so in an alert of their own.
 */
export function wholeCauses({ decision, type, cause, action }: Alert): readonly string[] {
  if (decision?.kind !== 'allowed' || type !== 'deviation' || action !== 'alerted') return []
  if (cause === undefined || !isOwned(cause)) return []
  const causes = cause.wide === true ? (cause.parts ?? []) : [cause]
  return causes.filter(({ names }) => names >= wholeFrom).map(({ id }) => id)
}

/** Whether it is about files of the service itself. */
export function isOwned({
  access,
  placeClass,
}: Pick<AlertCause, 'access' | 'placeClass'>): boolean {
  const isOwn = placeClass === 'data' || placeClass === 'temporary'
  return isOwn && (access === 'read' || access === 'change')
}

/** The alert with one more deviation, of that cause. `isNew`: it has not shared the alert before. */
export function folded(
  alert: Alert,
  behaviour: AlertBehaviour | null,
  { id, place }: Pick<Cause, 'id' | 'place'>,
  isNew: boolean,
): Alert {
  const { cause } = alert
  if (cause === undefined || !isNew || behaviour === null) return alert
  const samples = alert.samples ?? (alert.behaviour === null ? [] : [alert.behaviour])
  const isListed =
    cause.component !== undefined || (cause.wide === true && !isOfFiles(cause.access))
  const kept = bounded(
    samples.length < firstKept + (isListed ? furtherKept : latestKept)
      ? [...samples, behaviour]
      : [...samples.slice(0, firstKept), ...samples.slice(firstKept + 1), behaviour],
  )
  const names = cause.names + 1
  const shared = cause.wide === true ? commonFolder(cause.place, place) : cause.place
  const isPart = cause.wide === true && isOwned(cause)
  const parts = isPart ? partsWith(cause.parts ?? [], { id, place, names: 1 }) : []
  const { proposed: _, ...rest } = cause
  const proposed =
    cause.wide === true
      ? undefined
      : proposedPlace(
          cause,
          kept.map(({ object }) => object),
        )
  return withChanges(alert, {
    samples: kept,
    cause: withChanges(rest, {
      place: shared,
      names,
      ...(parts.length === 0 ? {} : { parts }),
      ...(proposed === undefined ? {} : { proposed }),
    }),
  })
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
  const { place } = cause
  if (!isOwned(cause)) return undefined
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
  return withChanges(alert, {
    risk: shift === undefined ? facts : withChanges(facts, { replicas: shift }),
    replicas: { shown, running },
    reasons: shift === undefined ? reasons : [...reasons, replicaText(shift, shown, running)],
  })
}

/** Raises the severity to what follows from the facts, unless a policy changed it. It never falls. */
export function risen(alert: Alert, before: RiskFacts): Alert {
  const { risk, severity } = alert
  if (risk === undefined) return alert
  const isChanged = severities.indexOf(severity) < severities.indexOf(riskOf(before))
  const now = riskOf(risk)
  if (isChanged || severities.indexOf(now) <= severities.indexOf(severity)) return alert
  return marked(withChanges(alert, { severity: now }))
}

/** A deviation of low risk is novelty. */
export function marked(alert: Alert): Alert {
  const isNovelty =
    alert.type === 'deviation' && alert.severity === 'low' && alert.action === 'alerted'
  if ((alert.novelty === true) === isNovelty) return alert
  if (isNovelty) return withChanges(alert, { novelty: true as const })
  const { novelty: _, ...rest } = alert
  return rest
}
