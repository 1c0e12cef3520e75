import type { DecisionResult, Mode, VersionView } from '../../../engine/api/engine-views.ts'
import type { IncidentResult } from '../../../engine/api/engine.ts'
import type { CardPlace, ReviewCard, WaitingVersion } from '../../../engine/api/page-views.ts'
import { ask, imagePath, Problem } from '../base/api.ts'
import { lookAgain } from '../base/live.ts'
import { plural, refOf } from '../base/text.ts'
import { toast } from '../shell/toasts.tsx'

/** A decision on cards: for all of their versions, or for one. */
export interface Decision {
  readonly kind: 'approve' | 'reject'
  /** RFC 3339 */
  readonly until?: string
  /** `repository@digest` */
  readonly only?: string
  readonly reason?: string
}

interface Part {
  readonly ref: string
  readonly revision: string
  readonly behaviours: string[]
}

/** One request for each version, with all of its behaviours. */
function partsOf(cards: readonly ReviewCard[], only: string | undefined): readonly Part[] {
  const parts = new Map<string, Part>()
  for (const { behaviour, places } of cards) {
    for (const { ref, revision } of places) {
      if (only !== undefined && ref !== only) continue
      const known = parts.get(ref)
      if (known === undefined) parts.set(ref, { ref, revision, behaviours: [behaviour] })
      else known.behaviours.push(behaviour)
    }
  }
  return [...parts.values()]
}

interface Done {
  readonly ref: string
  readonly revision: string
  readonly behaviours: readonly string[]
}

export type Decided = { readonly ok: true } | { readonly ok: false; readonly conflict: boolean }

/** Decides, reports the result, and offers to undo it. A decision that somebody else made first stays unchanged. */
export function decide(cards: readonly ReviewCard[], decision: Decision): Promise<Decided> {
  const { kind, until, reason } = decision
  return attempt(async () => {
    const done: Done[] = []
    for (const { ref, revision, behaviours } of partsOf(cards, decision.only)) {
      const body = {
        behaviours,
        ...(kind === 'approve' ? { quarantined: true } : {}),
        ...(until === undefined ? {} : { until }),
        ...(reason === undefined || reason === '' ? {} : { reason }),
      }
      done.push(await post(ref, kind, revision, body))
    }
    const verb = kind === 'approve' ? 'allowed' : 'rejected'
    toast(
      `${plural(cards.length, 'behaviour')} ${verb}${until === undefined ? '' : ' for a time'}`,
      {
        undo: () => void withdraw(done),
      },
    )
  })
}

function withdraw(done: readonly Done[]): Promise<Decided> {
  return attempt(async () => {
    for (const { ref, revision, behaviours } of done) {
      await post(ref, 'withdraw', revision, { behaviours, reason: 'undone' })
    }
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
    const { revision } = version
    await ask(imagePath(refOf(version), '/mode'), { method: 'PUT', body: { mode }, revision })
    toast(`mode ${mode}`)
  })
}

/** Revisions that followed from the user's own decisions: for their author they are no conflict. */
const successors = new Map<string, string>()

async function post(
  ref: string,
  kind: Decision['kind'] | 'withdraw',
  looked: string,
  body: { readonly behaviours: readonly string[]; readonly reason?: string },
): Promise<Done> {
  let revision = looked
  for (let own = successors.get(revision); own !== undefined; own = successors.get(revision)) {
    revision = own
  }
  const path = imagePath(ref, `/${kind}`)
  const { version } = await ask<DecisionResult>(path, { method: 'POST', body, revision })
  successors.set(revision, version.revision)
  return { ref, revision: version.revision, behaviours: body.behaviours }
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
  if (!(error instanceof Problem)) throw error
  if (error.isConflict) {
    toast('Another reviewer decided meanwhile: check the marked cards again', { bad: true })
    return { ok: false, conflict: true }
  }
  toast(`${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`, { bad: true })
  return { ok: false, conflict: false }
}
