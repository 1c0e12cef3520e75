import { useState } from 'preact/hooks'
import { Dialog } from '../shell/dialog.tsx'

/** Asks for the reason: it stays on record. */
export function IncidentDialog({
  session,
  onClose,
  onCall,
}: {
  readonly session: string
  readonly onClose: () => void
  readonly onCall: (reason: string) => void
}) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Call it an incident" onClose={onClose}>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault()
          onClose()
          onCall(reason)
        }}
      >
        <p>
          All that the exec session <code>{session}</code> did is forgotten, what nobody else did is
          rejected, and its alerts are decided with it.
        </p>
        <label>
          Why
          <input
            type="text"
            required
            maxLength={1000}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <p class="buttons">
          <button type="submit" class="danger">
            Call it an incident
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}
