import type { BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import { holdCode } from '../../../core/behaviour/describe.ts'
import type { ActEvent } from '../../../core/event/event.ts'
import { eventKinds } from '../../../core/event/event-words.ts'
import { isPart } from '../../../core/lifecycle/component.ts'
import { gravestOf, mainRef, riskFactsOf } from '../../../core/match/risk.ts'
import type { Techniques } from '../../../core/match/technique.ts'
import type { Allowance } from '../../../core/profile/allowance.ts'
import type { ProfileReader } from '../../../core/profile/profile-reader.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import type { Finding } from '../alerts/finding.ts'
import { componentFinding, firstRunCauseOf, type JudgedBy } from './findings.ts'
import { wasRejected } from './profile-decisions.ts'

interface FirstRunOptions {
  readonly alerts: Pick<AlertStore, 'takesPart'>
  readonly techniques: Techniques
}

/** Numbers of processes. */
interface Run {
  /** The latest ones. */
  readonly parts: Set<number>
  /** Those that became another program, which is no part. A run that has too many of them is not followed any more. */
  readonly apart: Set<number>
}

/** Bounds of what is remembered: scripts of all containers, and processes of one. */
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
  /** By container and script, the one that was followed last at the end. */
  readonly #runs = new Map<string, Run>()

  constructor(options: FirstRunOptions) {
    this.#options = options
  }

  /** The finding of the run that the event is a part of. Undefined if it has a separate alert. */
  finding(judged: JudgedBy, reasons: readonly string[]): Finding | undefined {
    const { event, version } = judged
    if (event.process.origin === 'exec-in') return undefined
    const script = startedScript(event, version.profile) ?? this.#followed(event)
    if (script === undefined) return undefined
    const finding = this.#partOf(judged, script, reasons)
    if (finding !== undefined) this.#follow(event, script)
    else if (event.kind === 'exec') this.#leave(event, script)
    return finding
  }

  #partOf(judged: JudgedBy, script: string, reasons: readonly string[]): Finding | undefined {
    const { event, verdict, version } = judged
    const { alerts, techniques } = this.#options
    const { unexpected, guardrails } = verdict
    const ref = mainRef(unexpected)
    if (ref === undefined || guardrails.length > 0) return undefined
    if (unexpected.some((one) => isCommand(one) || wasRejected(version.profile, one)))
      return undefined
    const risks = unexpected.map((one) => riskFactsOf(version.profile, event, one))
    if (!isPart(event, unexpected, risks, true)) return undefined
    const isOfKnownKind = isPart(event, unexpected, risks)
    const cause = firstRunCauseOf(judged, ref, { script, isOfKnownKind })
    if (!alerts.takesPart(cause, cause.part)) return undefined
    return componentFinding(judged, { reasons, cause, severity: gravestOf(risks), techniques })
  }

  #follow(event: ActEvent, script: string): void {
    const { pid } = event.process
    const name = runName(event, script)
    const run = this.#runs.get(name) ?? { parts: new Set(), apart: new Set() }
    run.apart.delete(pid)
    run.parts.add(pid)
    dropOldest(run.parts, processesKept)
    this.#runs.delete(name)
    this.#runs.set(name, run)
    dropOldest(this.#runs, runsKept)
  }

  /** What a command or a foreign program does is no part either, nor what its children do. */
  #leave(event: ActEvent, script: string): void {
    const name = runName(event, script)
    const run = this.#runs.get(name)
    run?.parts.delete(event.process.pid)
    run?.apart.add(event.process.pid)
    if (run !== undefined && run.apart.size > processesKept) this.#runs.delete(name)
  }

  /** The script whose run the process belongs to. */
  #followed(event: ActEvent): string | undefined {
    const { pid, ppid, script, ancestors = [] } = event.process
    const names = script === undefined ? ancestors : [script, ...ancestors]
    return names.find((name) => {
      const run = this.#runs.get(runName(event, name))
      if (run === undefined || run.apart.has(pid)) return false
      return run.parts.has(pid) || (ppid !== undefined && run.parts.has(ppid))
    })
  }
}

/** The script that starts, which the window did not show and the container did not write. */
function startedScript(event: ActEvent, profile: ProfileReader): string | undefined {
  if (event.kind !== 'exec') return undefined
  const { path, script, drift, scriptDrift } = event.exec
  if (script === undefined || drift || scriptDrift === true) return undefined
  return wasShown(profile, path, script) ? undefined : script
}

function dropOldest<T>(kept: Map<T, unknown> | Set<T>, most: number): void {
  const [oldest] = kept.keys()
  if (kept.size > most && oldest !== undefined) kept.delete(oldest)
}

function runName({ container }: ActEvent, script: string): string {
  return `${container.id}\u0000${script}`
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
