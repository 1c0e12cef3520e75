import { SnugError } from '../../errors.ts'
import { isoOf, microsOf } from '../../core/event/time.ts'
import type { Forgetting, Forgotten } from '../../core/profile/forgetting.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { ForgetChoice, ForgottenRow } from '../../api/review-views.ts'

/**
 * Resolves an operator's choice to evidence of this version.
 *
 * Errors: EVIDENCE_UNKNOWN where it matches nothing, or several things; DECISION_INVALID where a span ends before it
 * begins.
 */
export function forgettingOf(version: DeployedVersion, choice: ForgetChoice): Forgetting {
  if ('container' in choice) {
    return { kind: 'container', container: containerNamed(version, choice.container) }
  }
  if ('session' in choice) {
    return { kind: 'session', session: sessionNamed(version, choice.session) }
  }
  const { from, to } = choice.between
  const span = { from: microsOf(utc(from)), to: microsOf(utc(to)) }
  if (span.from > span.to) {
    throw new SnugError('DECISION_INVALID', `\`${to}\` is before \`${from}\``)
  }
  return { kind: 'time', ...span }
}

/** Removes it from the profile, and from the data for the profile's coverage. */
export function unlearn(version: DeployedVersion, what: Forgetting, nowMs: number): Forgotten {
  const forgotten = version.profile.forget(what, nowMs * 1_000)
  if (what.kind === 'container') forgetRun(version, what.container, nowMs)
  // For coverage, forgotten time counts as not observed.
  const { span, acts } = forgotten
  if (what.kind === 'time' && span !== undefined) {
    const [from, to] = [isoOf(span.from), isoOf(span.to)]
    version.losses.add({ reason: 'forgotten', count: acts, from, to })
  }
  version.changed = true
  return forgotten
}

export function sessionNamed({ profile }: DeployedVersion, text: string): string {
  return onlyOne('session', text, profile.seenAs('session', text))
}

function containerNamed({ profile, runs }: DeployedVersion, text: string): string {
  const found = new Set(profile.seenAs('container', text))
  for (const { container, name } of runs.values()) {
    if (name === text || container.startsWith(text)) found.add(container)
  }
  return onlyOne('container', text, [...found])
}

function onlyOne(kind: string, text: string, found: readonly string[]): string {
  const [first] = found
  if (first === undefined) {
    throw new SnugError('EVIDENCE_UNKNOWN', `the evidence has no ${kind} \`${text}\``)
  }
  const exact = found.find((each) => each === text)
  if (exact === undefined && found.length > 1) {
    throw new SnugError('EVIDENCE_UNKNOWN', `several ${kind}s are named \`${text}\``)
  }
  return exact ?? first
}

/** A running container counts as observed from now on, without an observed start. */
function forgetRun(version: DeployedVersion, container: string, nowMs: number): void {
  const run = version.runs.get(container)
  if (run === undefined) return
  if (run.to !== undefined) {
    version.runs.delete(container)
    version.runsSeen -= 1
    if (run.before) version.runsBefore -= 1
    return
  }
  if (!run.before) version.runsBefore += 1
  const { earlier: _, ...latest } = run
  version.runs.set(container, { ...latest, from: new Date(nowMs).toISOString(), before: true })
}

/** The API takes any offset; evidence is in UTC. */
function utc(text: string): string {
  return new Date(text).toISOString()
}

export function forgottenRow({ id, actor, uid, object }: ProfileEntry): ForgottenRow {
  return { id, actor: actorText(actor), uid, text: objectLine(object) }
}
