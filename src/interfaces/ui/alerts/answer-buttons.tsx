import { useState } from 'preact/hooks'
import type { AlertStory } from '../../../engine/api/page-views.ts'
import { Dialog } from '../shell/dialog.tsx'
import { type Answer, answerOn, type AnswerBody } from './answer.ts'

/** The possible responses to an alert. The effect is shown above before it is applied. */
export function AnswerButtons({ story: { alert, revision } }: { readonly story: AlertStory }) {
  const [asked, setAsked] = useState<'bounds' | 'ack' | undefined>(undefined)
  const isAct = alert.event.kind !== 'loss' && alert.image !== undefined
  const answer = (kind: Answer, body: AnswerBody = {}): void => {
    setAsked(undefined)
    void answerOn(alert.id, kind, body, revision)
  }
  return (
    <div class="buttons">
      {isAct ? (
        <>
          <button type="button" class="primary" onClick={() => answer('allow')}>
            Allow <kbd>a</kbd>
          </button>
          <button type="button" onClick={() => setAsked('bounds')}>
            Allow until, or only for …
          </button>
          <button type="button" class="danger" onClick={() => answer('reject')}>
            Reject <kbd>r</kbd>
          </button>
        </>
      ) : null}
      <button type="button" onClick={() => setAsked('ack')}>
        Acknowledge …
      </button>
      {asked === 'bounds' ? (
        <BoundsForm story={alert} onClose={() => setAsked(undefined)} onAnswer={answer} />
      ) : asked === 'ack' ? (
        <ReasonForm onClose={() => setAsked(undefined)} onAnswer={answer} />
      ) : null}
    </div>
  )
}

type OnAnswer = (kind: Answer, body: AnswerBody) => void

function BoundsForm({
  story,
  onClose,
  onAnswer,
}: {
  readonly story: AlertStory['alert']
  readonly onClose: () => void
  readonly onAnswer: OnAnswer
}) {
  const [hours, setHours] = useState(24)
  const [peer, setPeer] = useState('')
  const [workload, setWorkload] = useState(false)
  const [reason, setReason] = useState('')
  const submit = (event: Event): void => {
    event.preventDefault()
    onAnswer('allow', {
      ...(hours > 0 ? { until: new Date(Date.now() + hours * 3_600_000).toISOString() } : {}),
      ...(peer === '' ? {} : { peer }),
      ...(workload ? { workload } : {}),
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
            <option value={1}>one hour</option>
            <option value={24}>a day</option>
            <option value={168}>7 days</option>
          </select>
        </label>
        {story.event.kind === 'connect' ? (
          <label>
            To a block of addresses
            <input
              type="text"
              placeholder="10.0.0.0/8; empty: this peer alone"
              value={peer}
              onInput={({ currentTarget }) => setPeer(currentTarget.value)}
            />
          </label>
        ) : null}
        {story.workload === undefined ? null : (
          <label class="check">
            <input
              type="checkbox"
              checked={workload}
              onChange={({ currentTarget }) => setWorkload(currentTarget.checked)}
            />
            only for the workload {story.workload.name}
          </label>
        )}
        <label>
          Why
          <input
            type="text"
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

function ReasonForm({
  onClose,
  onAnswer,
}: {
  readonly onClose: () => void
  readonly onAnswer: OnAnswer
}) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Acknowledge the alert" onClose={onClose}>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault()
          onAnswer('ack', { reason })
        }}
      >
        <p>This closes the alert and allows nothing. The next occurrence raises a new alert.</p>
        <label>
          Why
          <input
            type="text"
            required
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <p class="buttons">
          <button type="submit" class="primary">
            Acknowledge
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}
