import type { BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../core/event/event.ts'
import { placeClassOf } from '../../../core/match/place-class.ts'
import type { Verdict } from '../../../core/match/verdict.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import { wasRejected } from './profile-decisions.ts'

interface Act {
  readonly event: ActEvent
  readonly verdict: Verdict
}

interface Program {
  readonly exe: string
  readonly script?: string | undefined
}

/** A program of the image, as a user, from an origin of a container: what an approval of its run expects. */
function runName(
  { container }: ActEvent,
  { uid, origin }: BehaviourRef,
  { exe, script }: Program,
): string {
  return [container.id, origin, uid, exe, script ?? ''].join('\u0000')
}

/** The run of a program that the event is about; undefined for other events, and for programs that the image did not ship. */
export function runOf({ event, verdict }: Act): string | undefined {
  const ref = verdict.unexpected.find(({ object }) => object.kind === 'exec')
  if (ref?.object.kind !== 'exec' || event.kind !== 'exec') return undefined
  // The interpreter of a foreign script can be the image's.
  if (ref.object.drift === true && event.exec.scriptDrift !== true) return undefined
  const { path, script } = ref.object
  return runName(event, ref, { exe: path, script })
}

/**
 * The run that the event follows from: it only reads files of the image, or of the kernel, that the program of the run
 * loads because of its build. The profile expects such reads as soon as it expects the run. A secret is never among them,
 * nor a read that a person rejected, nor one that the kernel stopped.
 */
export function loadingRun({
  event,
  verdict: { guardrails, unexpected },
  version,
}: Act & { readonly version: DeployedVersion }): string | undefined {
  const [ref] = unexpected
  if (ref === undefined || guardrails.length > 0) return undefined
  const { script } = event.process
  if (event.enforced !== undefined || (event.process.drift === true && script === undefined))
    return undefined
  const { profile } = version
  const isScript = event.kind === 'file' && event.file.path === script
  const isLoaded = unexpected.every(
    (one) =>
      one.object.kind === 'file' &&
      one.object.access === 'read' &&
      (isScript || profile.derived.followsRun(one)) &&
      placeClassOf(one.object.path) !== 'secret' &&
      !wasRejected(profile, one),
  )
  return isLoaded ? runName(event, ref, ref.actor) : undefined
}
