import type { Alert } from '../../../core/event/alert.ts'
import { alertsPath } from './paths.ts'
import { ask, Problem } from '../base/api.ts'
import { lookAgain } from '../base/live.ts'
import { toast } from '../shell/toasts.tsx'
import type { AlertStory } from '../../../engine/api/page-views.ts'

export type Answer = 'allow' | 'reject' | 'ack'

/** Bounds of an allowance, or the reason. */
export interface AnswerBody {
  readonly until?: string
  readonly onlyUid?: number
  readonly workload?: true
  readonly peer?: string
  readonly reason?: string
}

const done = { allow: 'allowed', reject: 'rejected', ack: 'acknowledged' } as const

/** The one-step decision on an alert, with the way back. False where it was refused. */
export async function answerOn(
  id: string,
  kind: Answer,
  body: AnswerBody,
  revision: string | undefined,
): Promise<boolean> {
  try {
    const looked = revision ?? (await ask<AlertStory>(alertsPath(id, '/story'))).revision
    await ask<Alert>(alertsPath(id, `/${kind}`), { method: 'POST', body, revision: looked })
    toast(`alert ${done[kind]}`, { undo: () => void withdraw(id) })
    return true
  } catch (error) {
    showError(error)
    return false
  } finally {
    lookAgain()
  }
}

async function withdraw(id: string): Promise<void> {
  try {
    const { revision } = await ask<AlertStory>(alertsPath(id, '/story'))
    await ask(alertsPath(id, '/withdraw'), { method: 'POST', body: { reason: 'undone' }, revision })
    toast('undone: the alert is open again')
  } catch (error) {
    showError(error)
  } finally {
    lookAgain()
  }
}

function showError(error: unknown): void {
  if (!(error instanceof Problem)) throw error
  const text = error.isConflict
    ? 'Another reviewer decided on this alert meanwhile: check it again'
    : `${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`
  toast(text, { bad: true })
}
