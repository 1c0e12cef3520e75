import type { Severity } from '../event/alert-words.ts'

/** What a loss may hide. */
export const hidings = ['nothing', 'single', 'stretch', 'unwatched'] as const
export type Hiding = (typeof hidings)[number]

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

export interface LossFacts {
  readonly reason: string
  /** Events of this loss and of those that share its alert; undefined: unknown. */
  readonly count: number | undefined
  /** A version that it concerns blocks. */
  readonly blocks: boolean
}

/** Pure; `docs/alerts.md` has the table. */
export function lossSeverity({ reason, count = Infinity, blocks }: LossFacts): Severity {
  const hiding = Object.hasOwn(hiddenBy, reason) ? hiddenBy[reason] : undefined
  switch (hiding ?? 'stretch') {
    case 'nothing':
      return 'low'
    case 'single':
      return blocks || count >= singleFrom ? 'medium' : 'low'
    case 'unwatched':
      return blocks ? 'high' : 'medium'
    case 'stretch':
      return 'medium'
  }
}
