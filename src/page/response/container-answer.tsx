import { useState } from 'preact/hooks'
import type { CaseSummary } from '../../api/case-views.ts'
import type { HoldView } from '../../api/hold-views.ts'
import type { ContainerRef } from '../../core/event/event.ts'
import { ask } from '../base/api.ts'
import { link } from '../base/route.ts'
import { HoldForm } from './hold-form.tsx'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'
import { attempt, toast } from '../shell/toasts.tsx'

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
        <HoldForm
          title="Hold the container"
          order={async (hold) => {
            await ask<HoldView>('/v1/holds', {
              method: 'POST',
              body: { target: container.id, ...hold },
            })
            toast('ordered: the view Response shows how far the hold has come')
          }}
          onClose={close}
        />
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
