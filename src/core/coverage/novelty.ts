import type { Micros } from '../event/time.ts'

/** How many different behaviours were known at a time. */
export interface NoveltyPoint {
  readonly at: Micros
  readonly known: number
}

/** Behaviours over time: the curve that has to become flat before a profile can be believed. */
export interface Novelty {
  readonly from: Micros
  readonly to: Micros
  /** Rising; only where it rose, and the two ends. At most {@link pointsKept} and two. */
  readonly points: readonly NoveltyPoint[]
}

export const pointsKept = 60

/**
 * The curve of `firsts`, the times when each behaviour was first seen; close times become one
 * point. It depends only on the evidence, so merged copies of a profile give the same curve.
 */
export function noveltyOf(firsts: readonly Micros[], from: Micros, to: Micros): Novelty {
  const sorted = [...firsts].sort((a, b) => a - b)
  const start = Math.min(from, sorted[0] ?? from)
  const end = Math.max(to, sorted.at(-1) ?? to)
  const step = Math.max(1, Math.ceil((end - start) / pointsKept))
  const rises = new Map<number, NoveltyPoint>()
  for (const [index, at] of sorted.entries()) {
    rises.set(Math.min(pointsKept - 1, Math.floor((at - start) / step)), { at, known: index + 1 })
  }
  const points = [...rises.values()]
  if ((points[0]?.at ?? Infinity) > start) {
    points.unshift({ at: start, known: sorted.filter((at) => at === start).length })
  }
  if ((points.at(-1)?.at ?? -Infinity) < end) points.push({ at: end, known: sorted.length })
  return { from: start, to: end, points }
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** The curve as one line of `width` characters, from nothing to all that is known. */
export function sparkline({ from, to, points }: Novelty, width = 40): string {
  const most = points.at(-1)?.known ?? 0
  if (most === 0 || to <= from) return ''
  let next = 0
  let known = 0
  return Array.from({ length: width }, (_, at) => {
    const until = from + ((at + 1) * (to - from)) / width
    for (let point = points[next]; point !== undefined && point.at <= until; ) {
      known = point.known
      next += 1
      point = points[next]
    }
    return bars[Math.floor((known / most) * (bars.length - 1))] ?? bars[0]
  }).join('')
}

/** When the last new behaviour was seen; undefined where none was. */
export function lastRise({ points }: Novelty): Micros | undefined {
  for (let at = points.length - 1; at >= 0; at--) {
    const point = points[at]
    if (point !== undefined && point.known > (points[at - 1]?.known ?? 0)) return point.at
  }
  return undefined
}
