import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'

/** A dialog with fields, a button that submits them, and one that leaves everything as it is. */
export function FormDialog({
  title,
  submit,
  danger = false,
  onSubmit,
  onClose,
  children,
}: {
  readonly title: string
  /** The text of the button. */
  readonly submit: string
  readonly danger?: boolean
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit()
        }}
      >
        {children}
        <p class="buttons">
          <button type="submit" class={danger ? 'danger' : 'primary'}>
            {submit}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}

interface FieldProps<T> {
  readonly value: T
  readonly onChange: (value: T) => void
}

/** The reason stays on record. */
export function ReasonField({
  value,
  onChange,
  required = false,
}: FieldProps<string> & { readonly required?: boolean }) {
  return (
    <label>
      Why
      <input
        type="text"
        required={required}
        maxLength={1000}
        value={value}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </label>
  )
}

const durations = [
  ['for good', 0],
  ['one hour', 1],
  ['a day', 24],
  ['7 days', 168],
  ['30 days', 720],
] as const

/** In hours; 0 is for good. */
export function DurationField({ value, onChange }: FieldProps<number>) {
  return (
    <label>
      For how long
      <select value={value} onChange={({ currentTarget }) => onChange(Number(currentTarget.value))}>
        {durations.map(([title, hours]) => (
          <option key={hours} value={hours}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

/** What a {@link DurationField} gives, from now on, as an ISO time. */
export function untilIn(hours: number): { readonly until?: string } {
  return hours > 0 ? { until: new Date(Date.now() + hours * 3_600_000).toISOString() } : {}
}
