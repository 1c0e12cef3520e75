import { severities, type Severity } from './severity-order.ts'
import type { TimelineSlice, TimelineView } from '../../api/page-views.ts'
import { clock, count, plural, splitRef } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'

const width = 960
const up = 84
const down = 34
const labels = 18
const height = up + down + labels
const marksListed = 6

/** Alerts above the line, new behaviour below it, losses and decisions on it. */
export function Timeline({ timeline }: { readonly timeline: TimelineView }) {
  const { slices, marks, from, to } = timeline
  const most = Math.max(4, ...slices.map(alertsOf))
  const mostNew = Math.max(4, ...slices.map(({ novel }) => novel))
  const step = width / slices.length
  const x = (time: string): number =>
    ((Date.parse(time) - Date.parse(from)) / (Date.parse(to) - Date.parse(from))) * width
  return (
    <figure class="timeline">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={inWords(slices)}>
        {hoursOf(from, to).map((hour) => (
          <g key={hour}>
            <line class="grid" x1={x(hour)} x2={x(hour)} y1={0} y2={up + down} />
            <text class="axis" x={x(hour) + 3} y={height - 5}>
              {clock(hour, false).slice(0, 5)}
            </text>
          </g>
        ))}
        {slices.map((slice, i) => (
          <g key={slice.from}>
            <title>{titleOf(slice)}</title>
            {bars(slice, most).map(({ severity, y, h }) => (
              <rect
                key={severity}
                class={`bar ${severity}`}
                x={i * step + 1}
                width={step - 2}
                y={y}
                height={h}
              />
            ))}
            {slice.novel > 0 ? (
              <rect
                class="bar novel"
                x={i * step + 1}
                width={step - 2}
                y={up + 1}
                height={Math.max(2, (slice.novel / mostNew) * (down - 6))}
              />
            ) : null}
            {slice.lost > 0 ? (
              <rect class="bar lost" x={i * step} width={step} y={0} height={up + down} />
            ) : null}
          </g>
        ))}
        <line class="base" x1={0} x2={width} y1={up} y2={up} />
        {marks.map((mark) => (
          <path
            key={`${mark.time} ${mark.text}`}
            class="mark"
            d={`M${x(mark.time)} ${up - 5}l4 5-4 5-4-5z`}
          >
            <title>{`${clock(mark.time)} ${mark.who}: ${mark.text}`}</title>
          </path>
        ))}
      </svg>
      <figcaption>
        <ul class="legend">
          {severities.map((severity) => (
            <li key={severity} class={`key ${severity}`}>
              {severity}
            </li>
          ))}
          <li class="key novel">new behaviours</li>
          <li class="key lost">losses</li>
          <li class="key mark">decisions</li>
        </ul>
        {marks.length === 0 ? null : (
          <ol class="marks" aria-label="latest decisions and steps">
            {marks
              .slice(-marksListed)
              .reverse()
              .map((mark) => (
                <li key={`${mark.time} ${mark.text}`}>
                  <At time={mark.time} date={false} />{' '}
                  {mark.image === undefined ? null : (
                    <b>
                      <Foreign text={splitRef(mark.image).repository} />{' '}
                    </b>
                  )}
                  <Foreign text={mark.text} words /> <span class="muted">{mark.who}</span>
                </li>
              ))}
          </ol>
        )}
      </figcaption>
    </figure>
  )
}

function alertsOf({ alerts }: TimelineSlice): number {
  return severities.reduce((sum, severity) => sum + alerts[severity], 0)
}

interface Bar {
  readonly severity: Severity
  readonly y: number
  readonly h: number
}

/** From the line up, the gravest on top. */
function bars({ alerts }: TimelineSlice, most: number): readonly Bar[] {
  let y = up
  return severities.toReversed().flatMap((severity): Bar[] => {
    const n = alerts[severity]
    if (n === 0) return []
    const h = Math.max(2, (n / most) * (up - 8))
    y -= h
    return [{ severity, y, h }]
  })
}

/** Every third full hour of the reader's own clock. */
function hoursOf(from: string, to: string): readonly string[] {
  const first = new Date(from)
  first.setMinutes(0, 0, 0)
  const hours: string[] = []
  for (let ms = first.getTime(); ms < Date.parse(to); ms += 3_600_000) {
    if (ms > Date.parse(from) && new Date(ms).getHours() % 3 === 0)
      hours.push(new Date(ms).toISOString())
  }
  return hours
}

function titleOf(slice: TimelineSlice): string {
  const { from, alerts, novel, lost } = slice
  const done = severities
    .filter((severity) => alerts[severity] > 0)
    .map((severity) => `${count(alerts[severity])} ${severity}`)
  return [
    clock(from),
    done.length === 0 ? 'no alert' : done.join(', '),
    ...(novel > 0 ? [plural(novel, 'new behaviour')] : []),
    ...(lost > 0 ? [`${plural(lost, 'event')} lost`] : []),
  ].join('\n')
}

function inWords(slices: readonly TimelineSlice[]): string {
  const sum = (of: (slice: TimelineSlice) => number): number =>
    slices.reduce((all, slice) => all + of(slice), 0)
  const lost = sum((slice) => slice.lost)
  return (
    `The last day: ${plural(sum(alertsOf), 'alert')}, ${plural(
      sum((s) => s.novel),
      'new behaviour',
    )}, ` + (lost === 0 ? 'no loss' : `${plural(lost, 'event')} lost`)
  )
}
