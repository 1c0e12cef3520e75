import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { CardPlace } from '../../../engine/api/page-views.ts'
import { splitRef, versionName } from '../base/text.ts'
import { Dialog } from '../shell/dialog.tsx'
import type { Decision } from './decide.ts'

const days = [
  { title: 'one hour', hours: 1 },
  { title: 'a day', hours: 24 },
  { title: '7 days', hours: 168 },
  { title: '30 days', hours: 720 },
] as const

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
  const submit = (event: Event): void => {
    event.preventDefault()
    const until = new Date(Date.now() + hours * 3_600_000).toISOString()
    onClose()
    onDecide({
      kind: 'approve',
      ...(hours > 0 ? { until } : {}),
      ...(only === '' ? {} : { only }),
      ...(reason === '' ? {} : { reason }),
    })
  }
  return (
    <Dialog title="Allow within bounds" onClose={onClose}>
      <form class="fields" onSubmit={submit}>
        <label>
          For how long
          <select
            value={hours}
            onChange={({ currentTarget }) => setHours(Number(currentTarget.value))}
          >
            <option value={0}>for good</option>
            {days.map((each) => (
              <option key={each.hours} value={each.hours}>
                {each.title}
              </option>
            ))}
          </select>
        </label>
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
        <label>
          Why
          <input
            type="text"
            maxLength={1000}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <p class="buttons">
          <button type="submit" class="primary">
            Allow
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}
