import type { Severity } from '../event/alert-words.ts'

/** What a loss may hide. */
export const hidings = ['nothing', 'single', 'stretch', 'unwatched'] as const
type Hiding = (typeof hidings)[number]

/**
 * What the losses of a reason may hide; others, also those that foreign sensors name, hide a stretch.
 *
 * - `nothing`: the act itself was observed and judged, by less.
 * - `single`: that one act, which nobody can be sure to place in it.
 * - `stretch`: all that happened then, as somebody may have arranged who fills the rings.
 * - `unwatched`: processes or containers that are neither observed nor blocked from then on.
 */
export const hiddenBy: Readonly<Record<string, Hiding>> = {
  'answers-full': 'nothing',
  'file-gone': 'single',
  'path-unreadable': 'single',
  'program-left-out': 'single',
  'container-blind': 'unwatched',
  'no-task-state': 'unwatched',
  'too-many-containers': 'unwatched',
}

/** From this number on single acts are no accident: who races with the sensor has to try often. */
export const singleFrom = 100

/** Of each hiding: where no version blocks, and where one does that is concerned. */
const severityOf: Readonly<Record<Hiding, readonly [Severity, Severity]>> = {
  nothing: ['low', 'low'],
  single: ['low', 'medium'],
  stretch: ['medium', 'medium'],
  unwatched: ['medium', 'high'],
}

/**
 * Pure; `docs/alerts.md` has the table.
 *
 * @param loss.count events of this loss and of those that share its alert; undefined: unknown
 */
export function lossSeverity(loss: {
  readonly reason: string
  readonly count: number | undefined
  readonly blocks: boolean
}): Severity {
  const { reason, count = Infinity, blocks } = loss
  const hiding = (Object.hasOwn(hiddenBy, reason) ? hiddenBy[reason] : undefined) ?? 'stretch'
  const [watched, blocked] = severityOf[hiding]
  return blocks || (hiding === 'single' && count >= singleFrom) ? blocked : watched
}
