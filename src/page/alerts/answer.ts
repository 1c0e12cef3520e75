import type { Alert } from '../../core/event/alert.ts'
import { alertsPath } from './paths.ts'
import { ask } from '../base/api.ts'
import { attempt, toast } from '../shell/toasts.tsx'
import type { AlertStory } from '../../api/alert-rows.ts'

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

const conflict = 'Another reviewer decided on this alert meanwhile: check it again'

/** The one-step decision on an alert, with the way back. False where it was refused. */
export function answerOn(
  id: string,
  kind: Answer,
  body: AnswerBody,
  revision: string | undefined,
): Promise<boolean> {
  return attempt(async () => {
    const looked = revision ?? (await revisionOf(id))
    await ask<Alert>(alertsPath(id, `/${kind}`), { method: 'POST', body, revision: looked })
    toast(`alert ${done[kind]}`, { undo: () => void withdraw(id) })
  }, conflict)
}

function withdraw(id: string): Promise<boolean> {
  return attempt(async () => {
    const body = { reason: 'undone' }
    const revision = await revisionOf(id)
    await ask(alertsPath(id, '/withdraw'), { method: 'POST', body, revision })
    toast('undone: the alert is open again')
  }, conflict)
}

async function revisionOf(id: string): Promise<string> {
  return (await ask<AlertStory>(alertsPath(id, '/story'))).revision
}
