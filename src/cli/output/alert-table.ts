import type { Alert } from '../../core/event/alert.ts'
import { personNames } from '../../core/person/session-person.ts'
import type { Colour } from './terminal-text.ts'
import type { Column } from './text-table.ts'
import { alertText, imageText } from './view-text.ts'

export const severityColour: Readonly<Record<Alert['severity'], Colour | undefined>> = {
  low: undefined,
  medium: 'yellow',
  high: 'red',
  critical: 'red',
}

export const alertColumns: readonly Column<Alert>[] = [
  { head: 'ID', value: ({ id }) => id },
  {
    head: 'SEVERITY',
    value: ({ severity, novelty }) => (novelty === true ? `${severity}, novelty` : severity),
    colour: ({ severity }) => severityColour[severity],
  },
  { head: 'ACTION', value: ({ action }) => action },
  { head: 'COUNT', value: ({ count }) => count, right: true },
  { head: 'IMAGE', value: ({ image }) => imageText(image), cut: true },
]

/** Who did what. */
export function alertLineBelow(alert: Alert): string {
  const actor = alert.process === undefined ? '' : `${alert.process.exe}: `
  const persons = personNames(alert.sessions)
  const by = persons.length === 0 ? '' : ` by ${persons.join(', ')}`
  return `${actor}${alertText(alert)}${by}`
}
