import { doesLine } from '../behaviour/describe.ts'
import { type Alert, type AlertCause, hasStopped } from '../event/alert.ts'
import { causeLine } from '../match/cause-text.ts'

/** Different things that a title states. */
const stepsShown = 3
/** Characters of one of them: an argument of a program may be a whole script. */
const stepChars = 70

/** Where an incident is. */
export interface IncidentPlaces {
  /** Workloads, or containers without one; at least the first. */
  readonly places: readonly string[]
  readonly containers: number
}

/** The workload of an alert, or else its container. */
export function placeOf({
  workload,
  container,
  node,
}: Pick<Alert, 'workload' | 'container' | 'node'>): string {
  if (workload !== undefined) {
    const { namespace, name } = workload
    return namespace === undefined ? name : `${namespace}/${name}`
  }
  return container?.name ?? container?.id.slice(0, 12) ?? node
}

/** What a title states of an alert. */
export interface TitleStep {
  /** One step of each kind is stated. */
  readonly kind: string
  readonly actor: string
  readonly text: string
  readonly firstSeen: string
}

type TitledAlert = Pick<
  Alert,
  'process' | 'event' | 'behaviour' | 'cause' | 'action' | 'summary' | 'firstSeen'
>

/** Undefined: a title states nothing of it. An event without effect is an attempt. */
export function titleStep(alert: TitledAlert): TitleStep | undefined {
  const { behaviour, summary, cause, event, firstSeen } = alert
  if (behaviour === null || summary !== undefined) return undefined
  const path = actorOf(alert)
  const actor = path.slice(path.lastIndexOf('/') + 1)
  return { kind: cause?.access ?? event.kind, actor, text: stepOf(alert), firstSeen }
}

/**
 * One line: where it is, and the gravest step of each kind, in order of time.
 *
 * @param gravest of its gravest alerts, gravest first
 */
export function incidentTitle(
  gravest: Iterable<TitleStep | undefined>,
  { places, containers }: IncidentPlaces,
): string {
  const byKind = new Map<string, TitleStep>()
  for (const step of gravest) {
    if (step !== undefined && !byKind.has(step.kind) && byKind.size < stepsShown)
      byKind.set(step.kind, step)
  }
  const steps = [...byKind.values()].sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : 1))
  const lines: string[] = []
  let before: string | undefined
  for (const { actor, text } of steps) {
    lines.push(actor === before ? text : `${actor} ${text}`)
    before = actor
  }
  return `${whereOf(places, containers)}: ${lines.join(', ')}`
}

function whereOf([first = '', ...others]: readonly string[], containers: number): string {
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return containers < 2 ? `${first}${more}` : `${first}${more} (${containers} containers)`
}

function componentStep({ place, firstRun }: AlertCause): string {
  return `run ${place}, which ${firstRun === true ? 'the window did not show' : 'is new in this version'}`
}

/** Who did it: of the start of a program its parent, as the process is the program by then. */
export function actorOf({ process, event }: Pick<Alert, 'process' | 'event'>): string {
  if (process === undefined) return 'the agent'
  const { exe, script, parent } = process
  return event.kind === 'exec' ? (parent ?? exe) : (script ?? exe)
}

function stepOf({ behaviour, cause, action }: TitledAlert): string {
  const line = cause !== undefined && cause.names > 1 ? causeLine(cause) : (behaviour?.text ?? '')
  const text = cause?.component === undefined ? line : componentStep(cause)
  const short = text.length > stepChars ? `${text.slice(0, stepChars - 1)}…` : text
  return hasStopped(action) ? `tried to ${short}` : doesLine(short)
}
