import type { NoveltyView } from '../../api/version-views.ts'
import { clock, plural } from '../base/text.ts'

const width = 600
const height = 130
const pad = 18

/** Known behaviours over time: the curve that has to become flat. */
export function NoveltyCurve({ novelty: { points } }: { readonly novelty: NoveltyView }) {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return null
  const from = Date.parse(first.time)
  const all = Math.max(1, Date.parse(last.time) - from)
  const most = Math.max(1, last.known)
  const x = (time: string): number => ((Date.parse(time) - from) / all) * width
  const y = (known: number): number => height - pad - (known / most) * (height - pad - 12)
  const steps = points
    .map(({ time, known }, i) => (i === 0 ? `M0 ${y(known)}` : `H${x(time)}V${y(known)}`))
    .join('')
  const words = `Known behaviours over time: ${first.known} at ${clock(first.time)}, ${last.known} at ${clock(last.time)}`
  return (
    <svg class="curve" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={words}>
      <path class="area" d={`${steps}H${width}V${height - pad}H0Z`} />
      <path class="rise" d={`${steps}H${width}`} />
      <line class="base" x1={0} x2={width} y1={height - pad} y2={height - pad} />
      <text class="axis" x={0} y={height - 4}>
        {clock(first.time)}
      </text>
      <text class="axis" x={width} y={height - 4} text-anchor="end">
        {clock(last.time)}
      </text>
      <text class="axis" x={width} y={9} text-anchor="end">
        {plural(last.known, 'behaviour')}
      </text>
    </svg>
  )
}
