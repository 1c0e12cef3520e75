import { useState } from 'preact/hooks'
import type { HoldLevel } from '../../core/lifecycle/hold.ts'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'
import { attempt, toast } from '../shell/toasts.tsx'

const levels: readonly (readonly [HoldLevel, string])[] = [
  ['network', 'network: nothing leaves or enters'],
  ['changes', 'changes: no program, no write, no connection'],
  ['freeze', 'freeze: no process runs'],
  ['stop', 'stop: its engine ends it'],
]
const lengths = ['15m', '1h', '24h', '7d'] as const

/** What is asked of a hold, whatever it is for. */
export interface AskedHold {
  readonly level: HoldLevel
  readonly for: string
  readonly reason: string
}

export interface HoldFormProps {
  readonly title: string
  readonly order: (hold: AskedHold) => Promise<void>
  readonly onClose: () => void
}

export function HoldForm({ title, order, onClose }: HoldFormProps) {
  const [level, setLevel] = useState<HoldLevel>('network')
  const [length, setLength] = useState<string>('1h')
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    void attempt(() => order({ level, for: length, reason }))
  }
  return (
    <FormDialog title={title} submit="Hold" danger onSubmit={submit} onClose={onClose}>
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

export interface ReleaseFormProps {
  readonly release: (why: { readonly reason?: string }) => Promise<void>
  readonly onClose: () => void
}

export function ReleaseForm({ release, onClose }: ReleaseFormProps) {
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    void attempt(async () => {
      await release(reason === '' ? {} : { reason })
      toast('released')
    })
  }
  return (
    <FormDialog title="Release the hold" submit="Release" onSubmit={submit} onClose={onClose}>
      <p>From then on its containers do again what their profiles allow.</p>
      <ReasonField value={reason} onChange={setReason} />
    </FormDialog>
  )
}
