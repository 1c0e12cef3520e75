import type { BehaviourRef } from '../behaviour/behaviour.ts'
import { isPlace } from '../behaviour/place-pattern.ts'
import { SUBJECT_TO } from '../behaviour/shape-pattern.ts'
import type { ActEvent } from '../event/event.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type Cause, causeOf } from './cause.ts'
import { folderOfPath, nameKind } from './place-class.ts'
import type { RiskFacts } from '../event/alert-risk.ts'

/** At most this many behaviours of one actor are compared, to bound the cost of a deviation. */
const LOOKED_AT = 2048

/** Of several behaviours that one event shows, the one that changes something names the alert. */
export function mainRef(unexpected: readonly BehaviourRef[]): BehaviourRef | undefined {
  const changing = unexpected.find(
    ({ object }) => object.kind === 'file' && object.access !== 'read',
  )
  return changing ?? unexpected[0]
}

/** What the severity of a deviation depends on, before it is known what the replicas do. */
export function riskFactsOf(
  profile: ProfileReader | undefined,
  event: ActEvent,
  ref: BehaviourRef,
  { isScheduled = false, cause = causeOf(ref) }: { isScheduled?: boolean; cause?: Cause } = {},
): RiskFacts {
  const { access, placeClass: place } = cause
  const isKnown = (profile?.byActor(ref.object.kind, ref.actor.exe).length ?? 0) > 0
  return {
    access,
    place,
    actor: event.process.drift === true ? 'drift' : isKnown ? 'known' : 'new',
    origin: event.process.origin,
    drift: event.kind === 'exec' && event.exec.drift,
    shipped: event.kind === 'file' && event.file.shipped === true,
    usual: access === 'change' && place === 'data' && isUsual(profile, ref),
    local: isLocal(ref),
    leavesRoot: ref.object.kind === 'identity' && ref.object.from.uid === 0,
    names: 1,
    scheduled: isScheduled,
  }
}

/**
 * The actor changes names of that kind in the folder already, or in one that stands beside it: a folder of the same name
 * below another user, host or day.
 */
function isUsual(profile: ProfileReader | undefined, ref: BehaviourRef): boolean {
  const { object, actor, uid } = ref
  if (profile === undefined || object.kind !== 'file') return false
  const subject = object.to ?? object.path
  const [folder, kind] = [folderOfPath(subject), nameKind(subject)]
  return profile
    .byActor('file', actor.exe)
    .slice(0, LOOKED_AT)
    .some((known) => {
      const { object: other } = known
      if (known.void || other.kind !== 'file' || known.uid !== uid) return false
      if (known.actor.script !== actor.script) return false
      if (other.access === 'read' || other.access === 'exec') return false
      const paths = isPlace(other) ? templatesOf(known) : [other.to ?? other.path]
      return paths.some((path) => isBeside(folderOfPath(path), folder) && nameKind(path) === kind)
    })
}

/** Paths that a place stands for; of renames, those that the files get. */
function templatesOf({ grants }: Allowance): readonly string[] {
  return grants
    .toJSON()
    .flatMap(({ witnesses }) => witnesses?.literals ?? [])
    .map((template) => template.slice(template.indexOf(SUBJECT_TO) + 1))
}

/** Whether two folders are the same, or the same but for one part in which both have a name of the same folder. */
function isBeside(a: string, b: string): boolean {
  if (a === b) return true
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  const most = Math.min(a.length, b.length) - start
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const parts = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  // Beside each other in the root are folders of different programs.
  return a.lastIndexOf('/', start - 1) > 0 && parts.every((part) => !part.includes('/'))
}

function isLocal({ object, address }: BehaviourRef): boolean {
  if (object.kind === 'connect') return isLoopback(address ?? object.peer)
  return object.kind === 'listen' && isLoopback(object.address)
}

/** Abstract unix sockets too: they are of the container's own network namespace. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('@')
}
