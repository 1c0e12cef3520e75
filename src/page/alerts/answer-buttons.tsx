import { useState } from 'preact/hooks'
import type { AlertStory } from '../../api/alert-rows.ts'
import { DurationField, FormDialog, ReasonField, untilIn } from '../shell/form-dialog.tsx'
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
  const submit = (): void =>
    onAnswer('allow', {
      ...untilIn(hours),
      ...(peer === '' ? {} : { peer }),
      ...(workload ? { workload } : {}),
      ...(reason === '' ? {} : { reason }),
    })
  return (
    <FormDialog title="Allow within bounds" submit="Allow" onSubmit={submit} onClose={onClose}>
      <DurationField value={hours} onChange={setHours} />
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
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
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
    <FormDialog
      title="Acknowledge the alert"
      submit="Acknowledge"
      onSubmit={() => onAnswer('ack', { reason })}
      onClose={onClose}
    >
      <p>This closes the alert and allows nothing. The next occurrence raises a new alert.</p>
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}
