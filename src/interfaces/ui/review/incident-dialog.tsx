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
          Snug removes all evidence of the exec session <code>{session}</code>, rejects behaviours
          that only this session showed, and rejects its alerts.
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
