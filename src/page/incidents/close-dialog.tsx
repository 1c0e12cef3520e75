import { useState } from 'preact/hooks'
import { plural } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'

/** Of an incident, as the person sees it. */
interface Seen {
  readonly revision: string
  /** Alerts without a decision. */
  readonly open: number
}

/** Asks for the reason. What is closed is what this shows: the server refuses it if an alert joined since. */
export function CloseDialog({
  seen: { revision, open },
  close,
  onClose,
}: {
  readonly seen: Seen
  readonly close: (revision: string, reason: string) => Promise<unknown>
  readonly onClose: () => void
}) {
  const [reason, setReason] = useState('')
  // The incident may change under the dialog.
  const [seen] = useState({ revision, open })
  const submit = (): void => {
    onClose()
    void close(seen.revision, reason)
  }
  return (
    <FormDialog title="Close the incident" submit="Close" onSubmit={submit} onClose={onClose}>
      <p>
        Acknowledges {plural(seen.open, 'alert')} and allows nothing. A further alert opens the
        incident again.
      </p>
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}

interface Closed {
  readonly kind: string
  readonly by: string
  readonly at?: string
  readonly reason?: string
}

/** Who closed the incident, and why. */
export function ClosedNote({ closed: { kind, by, at, reason } }: { readonly closed: Closed }) {
  return (
    <p class="note good">
      {kind} by <Foreign text={by} />
      {at === undefined ? null : (
        <>
          , <At time={at} />
        </>
      )}
      {reason === undefined ? null : (
        <>
          : <Foreign text={reason} words />
        </>
      )}
    </p>
  )
}
