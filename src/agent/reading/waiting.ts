import {
  type Actor,
  type BehaviourId,
  behaviourKey,
  type BehaviourObject,
} from '../../core/behaviour/behaviour.ts'
import type { User } from '../../core/behaviour/user.ts'
import type { Origin } from '../../core/event/event-words.ts'
import type { Micros } from '../../core/event/time.ts'
import { explain } from '../../core/match/nearest.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Steps } from '../../core/steps.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { ReviewCard } from '../../api/review-cards.ts'
import type { ShownState } from '../../api/terms.ts'
import { revisionOf } from './live/revision.ts'
import { ExpectedPrograms } from './new-programs.ts'
import { isOpen } from './profile-graph.ts'

const S = '\u0000'

/**
 * A behaviour of one version that waits for a decision. Its evidence is read where a person looks at it, see {@link seenOf}:
 * most of what waits is of versions whose profiles are compressed.
 */
export interface Waiting {
  readonly version: DeployedVersion
  /** Of the version, before its behaviours were looked at: a decision on an older state is refused. */
  readonly revision: string
  readonly id: BehaviourId
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly state: ShownState
  /** The container and session that alone showed it, see {@link sessionOf}. */
  readonly onlySession: string | undefined
  /** The version whose profile lacks it. */
  readonly before: DeployedVersion | undefined
}

type Entry = Readonly<LiveEntry>

/** The behaviours of a version that wait, and the programs of those that are expected. */
export interface WaitingOfVersion {
  /** Of what they follow from. */
  readonly changes: number
  readonly revision: string
  readonly state: DeployedVersion['life']['state']
  readonly before: DeployedVersion | undefined
  readonly changesBefore: number | undefined
  readonly waiting: readonly Waiting[]
  readonly expected: ExpectedPrograms
}

/** A page asks again each minute, of versions that mostly stay as they are. */
const kept = new WeakMap<DeployedVersion, WaitingOfVersion>()

export function* waitingOf(
  version: DeployedVersion,
  before: DeployedVersion | undefined,
): Steps<WaitingOfVersion> {
  const { profile } = version
  const revision = revisionOf([version])
  yield* profile.settleSteps()
  const { changes } = profile
  const changesBefore = before?.profile.changes
  const { state } = version.life
  const known = kept.get(version)
  if (
    known?.changes === changes &&
    known.revision === revision &&
    known.state === state &&
    known.before === before &&
    known.changesBefore === changesBefore
  ) {
    return known
  }
  const waiting: Waiting[] = []
  const expected = new ExpectedPrograms()
  const wait = (entry: Entry, shown: ShownState, lacking: DeployedVersion): void => {
    const { id, actor, uid, object } = entry
    const onlySession = onlySessionOf(entry)
    const of = { version, revision, before: lacking }
    waiting.push({ ...of, id, actor, uid, object, state: shown, onlySession })
  }
  for (const entry of profile.outline()) {
    yield
    const { state: shown } = entry
    if (isOpen(shown)) wait(entry, shown, version)
    else if (before !== undefined && isDelta(entry, shown, version, before))
      wait(entry, shown, before)
    else if (shown === 'learned' || shown === 'approved') expected.add(entry)
  }
  const made = { changes, revision, state, before, changesBefore, waiting, expected }
  kept.set(version, made)
  return made
}

/** A new version learned it, and its predecessor does not have it: nobody has reviewed it yet. */
function isDelta(
  entry: Entry,
  state: ShownState,
  { life }: DeployedVersion,
  before: DeployedVersion,
): boolean {
  if (life.state === 'enforced' || state !== 'learned') return false
  // Names in a place are decided on with the place.
  if (entry.within !== undefined) return false
  return entry.inherited === undefined && !before.profile.has(entry.id)
}

function onlySessionOf(entry: Entry): string | undefined {
  let only: string | undefined
  for (const { container, session } of entry.allCells()) {
    if (session === undefined) return undefined
    const name = container + S + session
    if (only !== undefined && only !== name) return undefined
    only = name
  }
  return only
}

export function sessionOf({ onlySession = '' }: Waiting): {
  readonly container: string
  readonly session: string
} {
  const [container = '', session = ''] = onlySession.split(S)
  return { container, session }
}

/** By whom and when a behaviour was shown. */
export interface Seen {
  readonly origins: readonly Origin[]
  readonly containers: readonly string[]
  readonly sessions: readonly string[]
  readonly guardrails: readonly string[]
  readonly count: number
  readonly first: Micros
  readonly last: Micros
}

/** Of profiles that may be compressed: a card that is looked at must not open them each time. */
const seenKept = new WeakMap<
  Waiting,
  { readonly changes: number; readonly counts: number; readonly seen: Seen }
>()

/** Its evidence as it is now. */
export function seenOf(waiting: Waiting): Seen {
  const { profile } = waiting.version
  const { changes, counts } = profile
  const known = seenKept.get(waiting)
  if (known?.changes === changes && known.counts === counts) return known.seen
  const origins = new Set<Origin>()
  const containers = new Set<string>()
  const sessions = new Set<string>()
  const guardrails = new Set<string>()
  let [count, first, last] = [0, Infinity, -Infinity]
  for (const cell of profile.liveEntry(waiting.id)?.allCells() ?? []) {
    origins.add(cell.origin)
    containers.add(cell.container)
    if (cell.session !== undefined) sessions.add(cell.session)
    for (const guardrail of cell.guardrails) guardrails.add(guardrail)
    count += cell.count
    first = Math.min(first, cell.first)
    last = Math.max(last, cell.last)
  }
  const seen = {
    origins: [...origins],
    containers: [...containers],
    sessions: [...sessions],
    guardrails: [...guardrails],
    count,
    first,
    last,
  }
  seenKept.set(waiting, { changes, counts, seen })
  return seen
}

type Why = Pick<ReviewCard, 'reasons' | 'nearest'>

/** As {@link seenKept}. */
const whyKept = new WeakMap<Waiting, { readonly changes: number; readonly why: Why }>()

/** Why it is new, as the judge would explain it now. */
export function whyNew(waiting: Waiting): Why {
  const { actor, uid, object, before } = waiting
  const profile = before?.profile
  const known = whyKept.get(waiting)
  if (known !== undefined && known.changes === profile?.changes) return known.why
  const [origin = 'entrypoint'] = seenOf(waiting).origins
  const ref = { key: behaviourKey(actor, uid, object), actor, uid, object, origin }
  const { reasons, nearest } = explain(profile, [ref])
  const why = { reasons, ...(nearest === null ? {} : { nearest: nearest.text }) }
  if (profile !== undefined) whyKept.set(waiting, { changes: profile.changes, why })
  return why
}
