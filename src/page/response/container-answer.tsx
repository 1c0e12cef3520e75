import { useState } from 'preact/hooks'
import type { CaseSummary } from '../../api/case-views.ts'
import type { HoldView } from '../../api/hold-views.ts'
import type { ContainerRef } from '../../core/event/event.ts'
import type { HoldLevel } from '../../core/lifecycle/hold.ts'
import { ask } from '../base/api.ts'
import { link } from '../base/route.ts'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'
import { attempt, toast } from '../shell/toasts.tsx'

const levels: readonly (readonly [HoldLevel, string])[] = [
  ['network', 'network: nothing leaves or enters'],
  ['changes', 'changes: no program, no write, no connection'],
  ['freeze', 'freeze: no process runs'],
  ['stop', 'stop: its engine ends it'],
]
const lengths = ['15m', '1h', '24h', '7d'] as const

/** What an admin may do with the container of an alert. */
export function ContainerAnswer({ container }: { readonly container: ContainerRef }) {
  const [asked, setAsked] = useState<'hold' | 'capture' | undefined>(undefined)
  const close = (): void => setAsked(undefined)
  return (
    <>
      <button type="button" class="danger" onClick={() => setAsked('hold')}>
        Hold the container …
      </button>
      <button type="button" onClick={() => setAsked('capture')}>
        Capture evidence …
      </button>
      {asked === 'hold' ? (
        <HoldForm container={container} onClose={close} />
      ) : asked === 'capture' ? (
        <CaptureForm container={container} onClose={close} />
      ) : null}
    </>
  )
}

interface FormProps {
  readonly container: ContainerRef
  readonly onClose: () => void
}

function HoldForm({ container, onClose }: FormProps) {
  const [level, setLevel] = useState<HoldLevel>('network')
  const [length, setLength] = useState<string>('1h')
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    void attempt(async () => {
      const body = { target: container.id, level, for: length, reason }
      await ask<HoldView>('/v1/holds', { method: 'POST', body })
      toast('ordered: the view Response shows how far the hold has come')
    })
  }
  return (
    <FormDialog title="Hold the container" submit="Hold" danger onSubmit={submit} onClose={onClose}>
      <p>The hold ends by itself. It stays while the agent is away, and over a restart.</p>
      <label>
        What it cannot do
        <select
          value={level}
          onChange={({ currentTarget }) => setLevel(currentTarget.value as HoldLevel)}
        >
          {levels.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        For how long
        <select value={length} onChange={({ currentTarget }) => setLength(currentTarget.value)}>
          {lengths.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}

function CaptureForm({ container, onClose }: FormProps) {
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    void attempt(async () => {
      const body = { container: container.id, reason }
      const { id } = await ask<CaseSummary>('/v1/cases', { method: 'POST', body })
      toast('evidence captured')
      location.hash = link('response', id)
    })
  }
  return (
    <FormDialog title="Capture evidence" submit="Capture" onSubmit={submit} onClose={onClose}>
      <p>
        A case has the processes of the container, its last events, those of the next minute, and
        the files that it changed.
      </p>
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}
