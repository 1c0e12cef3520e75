import type { DecisionResult, Mode, VersionView } from '../../flow/engine-views.ts'
import type { IncidentResult } from '../../flow/engine.ts'
import type { CardPlace, ReviewCard, WaitingVersion } from '../../flow/page-views/page-views.ts'
import { ask, imagePath, Problem } from '../core/api.ts'
import { lookAgain } from '../core/live.ts'
import { plural, refOf } from '../core/text.ts'
import { say } from '../shell/toasts.tsx'

/** A decision on cards: for all of their versions, or for one. */
export interface Word {
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

/** Decides, tells what was done, and offers the way back. What somebody else decided first is left as it is. */
export function decide(cards: readonly ReviewCard[], word: Word): Promise<Decided> {
  const { kind, until, reason } = word
  return attempt(async () => {
    const done: Done[] = []
    for (const { ref, revision, behaviours } of partsOf(cards, word.only)) {
      const body = {
        behaviours,
        ...(kind === 'approve' ? { quarantined: true } : {}),
        ...(until === undefined ? {} : { until }),
        ...(reason === undefined || reason === '' ? {} : { reason }),
      }
      const path = imagePath(ref, `/${kind}`)
      const result = await ask<DecisionResult>(path, { method: 'POST', body, revision })
      done.push({ ref, revision: result.version.revision, behaviours })
    }
    const verb = kind === 'approve' ? 'allowed' : 'rejected'
    say(`${plural(cards.length, 'behaviour')} ${verb}${until === undefined ? '' : ' for a time'}`, {
      undo: () => void withdraw(done),
    })
  })
}

function withdraw(done: readonly Done[]): Promise<Decided> {
  return attempt(async () => {
    for (const { ref, revision, behaviours } of done) {
      const body = { behaviours, reason: 'undone' }
      await ask(imagePath(ref, '/withdraw'), { method: 'POST', body, revision })
    }
    say('undone: they wait for a decision again')
  })
}

/** An exec session was an intruder's: forgets it, and rejects what only it did. */
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
    say(`session forgotten, ${plural(rejected.length, 'behaviour')} rejected`)
  })
}

/** Approves a version as a whole: it alerts from now on. */
export function approveVersion({ ref, revision }: WaitingVersion): Promise<Decided> {
  return attempt(async () => {
    const path = imagePath(ref, '/approve')
    const { decided } = await ask<DecisionResult>(path, { method: 'POST', body: {}, revision })
    say(`approved with ${plural(decided.length, 'waiting behaviour')}: it alerts from now on`)
  })
}

export function endLearning(version: VersionView): Promise<Decided> {
  return attempt(async () => {
    const { revision } = version
    await ask(imagePath(refOf(version), '/end-learning'), { method: 'POST', body: {}, revision })
    say('its window has ended')
  })
}

export function setMode(version: VersionView, mode: Mode): Promise<Decided> {
  return attempt(async () => {
    const { revision } = version
    await ask(imagePath(refOf(version), '/mode'), { method: 'PUT', body: { mode }, revision })
    say(`mode ${mode}`)
  })
}

/** Whatever comes of it is told, and views look again. */
async function attempt(act: () => Promise<void>): Promise<Decided> {
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
    say('Somebody else decided meanwhile: look again at what is marked', { bad: true })
    return { ok: false, conflict: true }
  }
  say(`${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`, { bad: true })
  return { ok: false, conflict: false }
}
