import { signal } from '@preact/signals'
import { useKeys } from '../base/keys.ts'

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
