import { useState } from 'preact/hooks'
import type { VersionView } from '../../api/version-views.ts'
import { Ago } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { setClass } from '../review/decide.ts'
import { FormDialog, ReasonField } from '../shell/form-dialog.tsx'

/** Whether the programs of the version are an open set, or may be. Nothing where there is no sign of it. */
export function VersionClassLine({ version }: { readonly version: VersionView }) {
  const [asking, setAsking] = useState(false)
  const { open, evidence } = version
  const proposal = evidence?.openProposal
  if (open === undefined && proposal === undefined) return null
  const to = open === undefined ? 'open' : 'closed'
  return (
    <div class="version-class">
      {open === undefined ? (
        <p>
          <Foreign text={proposal ?? ''} words />
        </p>
      ) : (
        <>
          <p>
            Class <strong>open</strong>, by <Foreign text={open.by} />, <Ago time={open.at} />
            {open.reason === undefined ? null : (
              <>
                : <Foreign text={open.reason} words />
              </>
            )}
          </p>
          <Folders title="Programs may be installed below" of={evidence?.folders?.programs} />
          <Folders title="Files may be changed below" of={evidence?.folders?.work} />
        </>
      )}
      <p class="buttons">
        <button type="button" onClick={() => setAsking(true)}>
          {to === 'open' ? 'Set class open' : 'Close the class'}
        </button>
      </p>
      {asking ? <ClassDialog version={version} to={to} onClose={() => setAsking(false)} /> : null}
    </div>
  )
}

function Folders({
  title,
  of: folders,
}: {
  readonly title: string
  readonly of: readonly string[] | undefined
}) {
  if (folders === undefined || folders.length === 0) return null
  return (
    <p class="muted">
      {title} <Foreign text={folders.join(', ')} words />
    </p>
  )
}

function ClassDialog({
  version,
  to,
  onClose,
}: {
  readonly version: VersionView
  readonly to: 'open' | 'closed'
  readonly onClose: () => void
}) {
  const [reason, setReason] = useState('')
  const submit = (): void => {
    onClose()
    void setClass(version, to, reason)
  }
  return (
    <FormDialog
      title={to === 'open' ? 'Expect further programs' : 'Expect no further programs'}
      submit={to === 'open' ? 'Set class open' : 'Close the class'}
      onSubmit={submit}
      onClose={onClose}
    >
      <ReasonField value={reason} onChange={setReason} required />
    </FormDialog>
  )
}
