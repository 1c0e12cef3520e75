import type { BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import { holdCode } from '../../../core/behaviour/describe.ts'
import type { ActEvent } from '../../../core/event/event.ts'
import { eventKinds } from '../../../core/event/event-words.ts'
import { isPart } from '../../../core/lifecycle/component.ts'
import { mainRef, riskFactsOf } from '../../../core/match/risk-facts.ts'
import type { Techniques } from '../../../core/match/technique.ts'
import type { Allowance } from '../../../core/profile/allowance.ts'
import type { ProfileReader } from '../../../core/profile/profile-reader.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import type { Finding } from '../alerts/finding.ts'
import { componentFinding, firstRunCauseOf, gravestOf, type JudgedBy } from './findings.ts'
import { wasRejected } from './profile-decisions.ts'

interface FirstRunOptions {
  readonly alerts: Pick<AlertStore, 'takesPart'>
  readonly techniques: Techniques
}

/** Bounds of what is remembered: scripts of all containers, and the latest processes of one. */
const runsKept = 256
const processesKept = 256

/**
 * Runs of scripts that the image ships and that the window did not show, such as a job that comes once a day. What the
 * script does and the programs of the image that it runs is one alert for its container, and one more for files of unknown
 * kinds.
 *
 * A process belongs to a run by its ancestors and by its number: the first is a name, which a container may give to another
 * file, and the second may be given again. A start of the agent forgets the runs: what they do then has separate alerts.
 */
export class FirstRuns {
  readonly #options: FirstRunOptions
  /** Numbers of processes by container and script, the latest run last. */
  readonly #runs = new Map<string, Set<number>>()

  constructor(options: FirstRunOptions) {
    this.#options = options
  }

  /** The finding of the run that the event is a part of. Undefined if it has a separate alert. */
  finding(judged: JudgedBy, reasons: readonly string[]): Finding | undefined {
    const { event, verdict, version } = judged
    const { alerts, techniques } = this.#options
    const { unexpected } = verdict
    const ref = mainRef(unexpected)
    if (ref === undefined || event.process.origin === 'exec-in') return undefined
    const script = this.#started(event, version.profile) ?? this.#followed(event)
    if (script === undefined || verdict.guardrails.length > 0) return undefined
    if (unexpected.some((one) => isCommand(one) || wasRejected(version.profile, one)))
      return undefined
    const risks = unexpected.map((one) => riskFactsOf(version.profile, event, one))
    if (!isPart(event, unexpected, risks, true)) return undefined
    const isOfKnownKind = isPart(event, unexpected, risks)
    const cause = firstRunCauseOf(judged, ref, { script, isOfKnownKind })
    if (!alerts.takesPart(cause, cause.part)) return undefined
    return componentFinding(judged, {
      reasons,
      cause,
      severity: gravestOf(risks),
      techniques,
    })
  }

  #started(event: ActEvent, profile: ProfileReader): string | undefined {
    if (event.kind !== 'exec') return undefined
    const { container, process, exec } = event
    const { path, script, drift, scriptDrift } = exec
    if (script === undefined || drift || scriptDrift === true) return undefined
    if (wasShown(profile, path, script)) return undefined
    const name = runName(container.id, script)
    const run = this.#runs.get(name) ?? new Set<number>()
    this.#runs.delete(name)
    this.#runs.set(name, run)
    dropOldest(this.#runs, runsKept)
    addProcess(run, process.pid)
    return script
  }

  #followed({ container, process }: ActEvent): string | undefined {
    const { pid, ppid, script, ancestors = [] } = process
    const names = script === undefined ? ancestors : [script, ...ancestors]
    return names.find((name) => {
      const run = this.#runs.get(runName(container.id, name))
      if (run === undefined) return false
      if (run.has(pid)) return true
      if (ppid === undefined || !run.has(ppid)) return false
      addProcess(run, pid)
      return true
    })
  }
}

function addProcess(run: Set<number>, pid: number): void {
  run.add(pid)
  dropOldest(run, processesKept)
}

function dropOldest<T>(kept: Map<T, unknown> | Set<T>, most: number): void {
  const [oldest] = kept.keys()
  if (kept.size > most && oldest !== undefined) kept.delete(oldest)
}

function runName(container: string, script: string): string {
  return `${container}\u0000${script}`
}

/** By any parent, as any user. What waits for a decision came after the window. */
function wasShown(profile: ProfileReader, path: string, script: string): boolean {
  const isShown = ({ grants, decision }: Allowance): boolean =>
    !grants.empty || decision !== undefined
  if (profile.byObject({ kind: 'exec', path, script }).some(isShown)) return true
  // Of programs that it runs, the script is the actor.
  if (profile.byActor('exec', script).some(isShown)) return true
  return eventKinds.some((kind) =>
    profile.byActor(kind, path).some((known) => known.actor.script === script && isShown(known)),
  )
}

/** Of a program whose arguments are code. */
function isCommand({ object }: BehaviourRef): boolean {
  return object.kind === 'exec' && object.args !== undefined && holdCode(object.args)
}
