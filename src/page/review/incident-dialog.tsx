import { useState } from 'preact/hooks'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'

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
  const submit = (): void => {
    onClose()
    onCall(reason)
  }
  return (
    <FormDialog
      title="Call it an incident"
      submit="Call it an incident"
      danger
      onSubmit={submit}
      onClose={onClose}
    >
      <p>
        Snug removes all evidence of the exec session <code>{session}</code>, rejects behaviours
        that only this session showed, and rejects its alerts.
      </p>
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}
