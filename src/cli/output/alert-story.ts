import type { AlertStory, StoryStep } from '../../api/alert-rows.ts'
import { paint } from './terminal-text.ts'
import { type TableStyle } from './text-table.ts'
import { cutMiddle, safeText } from '../../support/safe-text.ts'

const clock = { from: 11, to: 19 } as const

/**
 * The ancestry of the event, and the events of its session or container before and after: one line each, the alert
 * itself marked.
 */
export function storyText(
  { alert, ancestry, scope, steps, left, alike, incident }: AlertStory,
  style: TableStyle,
): string {
  const tree = ancestry.map(({ exe, known }, depth) => {
    const mark = known ? '' : '  (not in the profile)'
    return `${'  '.repeat(depth)}${depth === 0 ? '' : '└ '}${safeText(exe)}${mark}\n`
  })
  const same = alike === 0 ? '' : `${alike} more open alerts have the same event in other places\n`
  const part =
    incident === undefined
      ? ''
      : `\npart of the incident ${incident.id}\n  ${cutMiddle(safeText(incident.title), style.width - 2)}\n`
  return [
    part,
    `\nancestry of the process\n`,
    ...tree,
    `\nwhat the ${scope} did before and after\n`,
    leftText(left.before, 'before'),
    ...steps.map((step) => stepLine(step, step.alert === alert.id, style)),
    leftText(left.after, 'after'),
    same === '' ? '' : `\n${same}`,
  ].join('')
}

function stepLine(step: StoryStep, isAlert: boolean, { colour, width }: TableStyle): string {
  const { time, actor, user, text, count, severity, action } = step
  const who = user === undefined ? actor : `${actor} (${user})`
  const times = count > 1 ? ` (${count} times)` : ''
  const reported =
    severity === undefined ? '' : ` [${severity}${action === 'alerted' ? '' : `, ${action ?? ''}`}]`
  const line = `${isAlert ? '>' : ' '} ${time.slice(clock.from, clock.to)} ${safeText(`${who}: ${text}`)}${times}${reported}`
  return `${paint(cutMiddle(line, width), colour && isAlert ? 'bold' : undefined)}\n`
}

function leftText(count: number, where: string): string {
  return count === 0 ? '' : `  … ${count} more ${where}\n`
}
