import type { LifeStage, LifeView } from '../../api/page-views.ts'
import { clock, span, versionName } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { stageName, StageBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'

const width = 960
const lane = 26
const axis = 18

/** Each version as a line through its states, all on one scale of time. */
export function LifeLines({
  lives,
  shown,
}: {
  readonly lives: readonly LifeView[]
  readonly shown: string
}) {
  const now = Date.now()
  const from = Math.min(...lives.map((life) => Date.parse(life.from)))
  const until = Math.max(from + 1_000, ...lives.map((each) => endOf(each, now)))
  const x = (time: string | undefined, last: number): number =>
    (((time === undefined ? last : Math.min(Date.parse(time), last)) - from) / (until - from)) *
    width
  const looked = lives.find(({ ref }) => ref === shown)
  return (
    <>
      <svg
        class="life"
        viewBox={`0 0 ${width} ${lives.length * lane + axis}`}
        role="img"
        aria-label={lives.map(inWords).join('. ')}
      >
        {lives.map((life, i) => {
          const { ref, digest, tags, stages, marks } = life
          const last = endOf(life, now)
          const y = i * lane
          return (
            <g key={ref} class={ref === shown ? 'line shown' : 'line'}>
              {stages.map((stage) => (
                <rect
                  key={`${stage.from} ${stage.state} ${stage.mode}`}
                  class={`stage-bar ${stageName(stage.state, stage.mode)}`}
                  x={x(stage.from, last)}
                  y={y + 5}
                  width={Math.max(3, x(stage.to, last) - x(stage.from, last))}
                  height={lane - 12}
                  rx={2}
                >
                  <title>{stageText(stage)}</title>
                </rect>
              ))}
              {marks.map((mark) => (
                <path
                  key={`${mark.time} ${mark.text}`}
                  class="mark"
                  d={`M${x(mark.time, last)} ${y + 7}l4 5-4 5-4-5z`}
                >
                  <title>{`${clock(mark.time)} ${mark.who}: ${mark.text}`}</title>
                </path>
              ))}
              <text class="lane" x={Math.min(x(stages[0]?.from, last) + 6, width - 120)} y={y + 16}>
                {versionName(tags, digest)}
              </text>
            </g>
          )
        })}
        <text class="axis" x={0} y={lives.length * lane + 13}>
          {clock(new Date(from).toISOString())}
        </text>
        <text class="axis" x={width} y={lives.length * lane + 13} text-anchor="end">
          {until >= now - 60_000 ? 'now' : clock(new Date(until).toISOString())}
        </text>
      </svg>
      {looked === undefined ? null : <LifeSteps life={looked} />}
    </>
  )
}

/** Changes to a version after its last event extend its life line. */
function endOf({ to, stages, marks }: LifeView, now: number): number {
  if (to === undefined) return now
  const times = [...stages.map(({ from }) => from), ...marks.map(({ time }) => time), to]
  return Math.max(...times.map((time) => Date.parse(time)))
}

function LifeSteps({ life: { stages, marks } }: { readonly life: LifeView }) {
  const steps = [
    ...stages.map((stage) => ({ time: stage.from, stage, mark: undefined })),
    ...marks.map((mark) => ({ time: mark.time, stage: undefined, mark })),
  ].sort((a, b) => (a.time < b.time ? -1 : 1))
  return (
    <ol class="life-steps">
      {steps.map(({ time, stage, mark }) => (
        <li key={`${time} ${stage?.state ?? mark?.text ?? ''}`}>
          <At time={time} />
          {stage === undefined ? (
            <span class="badge decided">{mark?.what}</span>
          ) : (
            <StageBadge state={stage.state} mode={stage.mode} />
          )}
          <span>
            <Foreign text={stage?.because ?? mark?.text ?? ''} words />{' '}
            {mark === undefined ? null : <span class="muted">{mark.who}</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}

function stageText({ state, mode, from, to, because }: LifeStage): string {
  const lasted = span((to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from))
  return `${stageName(state, mode)} since ${clock(from)}, ${lasted}\n${because}`
}

function inWords({ tags, digest, stages }: LifeView): string {
  const steps = stages.map(
    ({ state, mode, from }) => `${stageName(state, mode)} since ${clock(from)}`,
  )
  return `${versionName(tags, digest)}: ${steps.join(', ')}`
}
