import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { CardPlace } from '../../api/review-cards.ts'
import { splitRef, versionName } from '../base/text.ts'
import { DurationField, FormDialog, ReasonField, untilIn } from '../shell/form-dialog.tsx'
import type { Decision } from './decide.ts'

/** Opened by a key too. */
export const boundsAsked = signal(false)

/** The possible decisions, with their keys. */
export function DecisionButtons({
  places,
  sessions = [],
  onDecide,
  onIncident,
}: {
  readonly places: readonly CardPlace[]
  readonly sessions?: readonly string[]
  readonly onDecide: (decision: Decision) => void
  readonly onIncident?: (session: string) => void
}) {
  return (
    <div class="buttons">
      <button type="button" class="primary" onClick={() => onDecide({ kind: 'approve' })}>
        Allow <kbd>a</kbd>
      </button>
      <button
        type="button"
        onClick={() => {
          boundsAsked.value = true
        }}
      >
        Allow until, or only for … <kbd>b</kbd>
      </button>
      <button type="button" class="danger" onClick={() => onDecide({ kind: 'reject' })}>
        Reject <kbd>r</kbd>
      </button>
      {sessions.map((session) => (
        <button key={session} type="button" class="danger" onClick={() => onIncident?.(session)}>
          Incident: session {session.slice(0, 12)} <kbd>i</kbd>
        </button>
      ))}
      {boundsAsked.value ? (
        <BoundsDialog
          places={places}
          onClose={() => {
            boundsAsked.value = false
          }}
          onDecide={onDecide}
        />
      ) : null}
    </div>
  )
}

function BoundsDialog({
  places,
  onClose,
  onDecide,
}: {
  readonly places: readonly CardPlace[]
  readonly onClose: () => void
  readonly onDecide: (decision: Decision) => void
}) {
  const [hours, setHours] = useState(0)
  const [only, setOnly] = useState('')
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    onDecide({
      kind: 'approve',
      ...untilIn(hours),
      ...(only === '' ? {} : { only }),
      ...(reason === '' ? {} : { reason }),
    })
  }
  return (
    <FormDialog title="Allow within bounds" submit="Allow" onSubmit={submit} onClose={onClose}>
      <DurationField value={hours} onChange={setHours} />
      <label>
        Only for
        <select value={only} onChange={({ currentTarget }) => setOnly(currentTarget.value)}>
          <option value="">every version that it waits in</option>
          {places.map(({ ref, tags }) => (
            <option key={ref} value={ref}>
              {versionName(tags, splitRef(ref).digest)}
            </option>
          ))}
        </select>
      </label>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  )
}
