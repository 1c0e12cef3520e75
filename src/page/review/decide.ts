import type { DecisionResult } from '../../api/profile-views.ts'
import type {
  CardBehaviour,
  CardPlace,
  ReviewCard,
  WaitingVersion,
} from '../../api/review-cards.ts'
import type {
  CardDecision,
  CardDecisionResult,
  DecidedPlace,
  IncidentResult,
} from '../../api/review-views.ts'
import type { Mode } from '../../core/lifecycle/mode.ts'
import type { VersionView } from '../../api/version-views.ts'
import type { VersionClass } from '../../core/lifecycle/open-version.ts'
import { ask, imagePath, Problem } from '../base/api.ts'
import { lookAgain } from '../base/live.ts'
import { plural, refOf } from '../base/text.ts'
import { reportRefusal, toast } from '../shell/toasts.tsx'

/** A decision on cards: for all of their versions, or for one. */
export interface Decision {
  readonly kind: 'approve' | 'reject'
  /** RFC 3339 */
  readonly until?: string
  /** `repository@digest` */
  readonly only?: string
  readonly reason?: string
}

type CardKind = CardDecision['decision']

/** Decides on all that the cards showed, reports the result, and offers to undo it. */
export function decide(cards: readonly ReviewCard[], decision: Decision): Promise<Decided> {
  return attempt(async () => {
    const done: DecidedPlace[] = []
    // A guardrail that fires meanwhile keeps its behaviour in quarantine, so the two are not mixed.
    for (const isGuarded of [true, false]) {
      const some = cards.filter((card) => isHeld(card) === isGuarded)
      done.push(...(await post(decision, placesOf(some, decision.only), isGuarded)))
    }
    const { kind, until } = decision
    const verb = kind === 'approve' ? 'allowed' : 'rejected'
    const number = new Set(placesOf(cards, decision.only).flatMap(({ behaviours }) => behaviours))
    toast(
      `${plural(number.size, 'behaviour')} ${verb}${until === undefined ? '' : ' for a time'}`,
      {
        undo: () => void withdraw(done),
      },
    )
  })
}

/** The card with one of its behaviours only. */
export function onlyOne(card: ReviewCard, { id }: CardBehaviour): ReviewCard {
  const places = card.places
    .filter(({ behaviours }) => behaviours.includes(id))
    .map((place) => ({ ...place, behaviours: [id] }))
  return { ...card, behaviours: 1, places }
}

/** All of such a card is in quarantine, or nothing of it. */
function isHeld({ places }: ReviewCard): boolean {
  return places.some(({ behaviourState }) => behaviourState === 'quarantined')
}

function placesOf(cards: readonly ReviewCard[], only: string | undefined): readonly DecidedPlace[] {
  const places = cards.flatMap((card) => card.places)
  return merged(only === undefined ? places : places.filter(({ ref }) => ref === only))
}

/** One place for each version, as a request wants it. */
function merged(places: readonly DecidedPlace[]): readonly DecidedPlace[] {
  const byRef = new Map<string, DecidedPlace & { readonly behaviours: string[] }>()
  for (const { ref, revision, behaviours } of places) {
    const known = byRef.get(ref)
    if (known === undefined) byRef.set(ref, { ref, revision, behaviours: [...behaviours] })
    else known.behaviours.push(...behaviours)
  }
  return [...byRef.values()]
}

export type Decided = { readonly ok: true } | { readonly ok: false; readonly conflict: boolean }

function withdraw(done: readonly DecidedPlace[]): Promise<Decided> {
  return attempt(async () => {
    await post({ kind: 'withdraw', reason: 'undone' }, merged(done), false)
    toast('undone: the behaviours wait for a decision again')
  })
}

/** An exec session was an attack: forgets it, and rejects behaviour that only it showed. */
export function callIncident(
  { ref, revision }: CardPlace,
  session: string,
  reason: string,
): Promise<Decided> {
  return attempt(async () => {
    const { rejected } = await ask<IncidentResult>(imagePath(ref, '/incident'), {
      method: 'POST',
      body: { session, reason },
      revision,
    })
    toast(`session forgotten, ${plural(rejected.length, 'behaviour')} rejected`)
  })
}

/** Approves a version as a whole: it raises alerts from now on. */
export function approveVersion({ ref, revision }: WaitingVersion): Promise<Decided> {
  return attempt(async () => {
    const path = imagePath(ref, '/approve')
    const { decided } = await ask<DecisionResult>(path, { method: 'POST', body: {}, revision })
    toast(
      `approved with ${plural(decided.length, 'waiting behaviour')}: it raises alerts from now on`,
    )
  })
}

export function endLearning(version: VersionView): Promise<Decided> {
  return attempt(async () => {
    const { revision } = version
    await ask(imagePath(refOf(version), '/end-learning'), { method: 'POST', body: {}, revision })
    toast('its window has ended')
  })
}

export function setMode(version: VersionView, mode: Mode): Promise<Decided> {
  return attempt(async () => {
    const { revision, pending } = version
    await ask(imagePath(refOf(version), '/mode'), { method: 'PUT', body: { mode }, revision })
    const waits = mode === 'block' && pending > 0
    const waiting = waits ? `: it stops ${plural(pending, 'behaviour')} without a decision` : ''
    toast(`mode ${mode}${waiting}`)
  })
}

export function setClass(version: VersionView, to: VersionClass, reason: string): Promise<Decided> {
  return attempt(async () => {
    const { revision } = version
    const body = { class: to, reason }
    await ask(imagePath(refOf(version), '/class'), { method: 'PUT', body, revision })
    toast(`class ${to}`)
  })
}

interface OwnDecision {
  readonly revision: string
  readonly behaviours: ReadonlySet<string>
}

/** What followed from the user's own decision on a revision: for its author that is no conflict. */
const successors = new Map<string, OwnDecision>()

async function post(
  { kind, until, reason }: Omit<Decision, 'kind' | 'only'> & { readonly kind: CardKind },
  looked: readonly DecidedPlace[],
  isGuarded: boolean,
): Promise<readonly DecidedPlace[]> {
  const places = looked
    .map((place) => afterOwn(place, kind === 'withdraw'))
    .filter(({ behaviours }) => behaviours.length > 0)
  if (places.length === 0) return []
  const body = {
    decision: kind,
    places,
    ...(kind === 'approve' ? { quarantined: isGuarded } : {}),
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined || reason === '' ? {} : { reason }),
  }
  const { decided } = await ask<CardDecisionResult>('/v1/review/decide', { method: 'POST', body })
  for (const { ref, revision } of places) {
    const now = decided.find((each) => each.ref === ref)
    if (now === undefined) continue
    successors.set(revision, { revision: now.revision, behaviours: new Set(now.behaviours) })
  }
  return decided
}

/** The place as the user's own decisions left it: only `all` includes what they decided on since they saw it. */
function afterOwn({ ref, revision: seen, behaviours }: DecidedPlace, all: boolean): DecidedPlace {
  let revision = seen
  let left = behaviours
  for (let own = successors.get(revision); own !== undefined; own = successors.get(revision)) {
    const { behaviours: decided } = own
    if (!all) left = left.filter((id) => !decided.has(id))
    revision = own.revision
  }
  return { ref, revision, behaviours: left }
}

/** Decisions are applied one after the other, in the order of the requests. */
let turn: Promise<unknown> = Promise.resolve()

/** Reports any result, and refreshes the views. */
function attempt(act: () => Promise<void>): Promise<Decided> {
  const mine = turn.then(() => attemptNow(act))
  turn = mine
  return mine
}

async function attemptNow(act: () => Promise<void>): Promise<Decided> {
  try {
    await act()
    return { ok: true }
  } catch (error) {
    return refused(error)
  } finally {
    lookAgain()
  }
}

function refused(error: unknown): Decided {
  reportRefusal(error, 'Another reviewer decided meanwhile: check the marked cards again')
  return { ok: false, conflict: error instanceof Problem && error.isConflict }
}
