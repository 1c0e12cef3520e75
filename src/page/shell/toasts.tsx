import { signal } from '@preact/signals'
import { Problem } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { lookAgain } from '../base/live.ts'

export interface Toast {
  readonly id: number
  readonly text: string
  readonly bad?: boolean
  /** Undoes the reported action. */
  readonly undo?: () => void
}

const shownMs = 12_000
const toasts = signal<readonly Toast[]>([])
let lastId = 0

/** Reports a finished action, with a way to undo it. */
export function toast(text: string, more: Omit<Toast, 'id' | 'text'> = {}): void {
  lastId += 1
  const toast = { id: lastId, text, ...more }
  toasts.value = [...toasts.value.slice(-2), toast]
  setTimeout(() => dismiss(toast.id), shownMs)
}

/** Does what a person asked for, and reports a refusal. True where it was done. `conflict`: where somebody else was first. */
export async function attempt(act: () => Promise<void>, conflict = ''): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    reportRefusal(error, conflict)
    return false
  } finally {
    lookAgain()
  }
}

/** Reports why the agent refused. @throws what is no refusal */
export function reportRefusal(error: unknown, conflict: string): void {
  if (!(error instanceof Problem)) throw error
  const { message, hint, isConflict } = error
  const why = hint === '' ? message : `${message}: ${hint}`
  toast(isConflict && conflict !== '' ? conflict : why, { bad: true })
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id)
}

function undoLast(): void {
  const last = toasts.value.findLast(({ undo }) => undo !== undefined)
  if (last === undefined) return
  dismiss(last.id)
  last.undo?.()
}

export function Toasts() {
  useKeys('Everywhere', [{ keys: 'u', does: 'undo the last decision', run: undoLast }])
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, bad, undo }) => (
        <div key={id} class={bad === true ? 'toast bad' : 'toast'}>
          <span>{text}</span>
          {undo === undefined ? null : (
            <button
              type="button"
              onClick={() => {
                dismiss(id)
                undo()
              }}
            >
              Undo <kbd>u</kbd>
            </button>
          )}
          <button type="button" class="quiet" aria-label="dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  )
}
