import type { AlertPage } from '../../api/alert-rows.ts'
import type { TimelineView } from '../../api/page-views.ts'
import type { DoctorReport, StatusView } from '../../api/status-views.ts'
import type { LineageView } from '../../api/version-views.ts'
import { useResource } from '../base/resource.ts'
import { plural } from '../base/text.ts'
import { Panel, ProblemNote, Waiting } from '../parts/notes.tsx'
import { FirstUse } from './first-use.tsx'
import { Gaps } from './gaps.tsx'
import { HostSight } from './host-sight.tsx'
import { ImageStates } from './image-states.tsx'
import { LiveDeviations } from './live-deviations.tsx'
import { StageCounts } from './stage-counts.tsx'
import { Timeline } from './timeline.tsx'

const lookMs = 10_000

export function NowPage({
  status,
  images,
  cards,
}: {
  readonly status: StatusView | undefined
  readonly images: readonly LineageView[] | undefined
  /** That wait for review. */
  readonly cards: number | undefined
}) {
  const timeline = useResource<TimelineView>('/v1/timeline', lookMs)
  const doctor = useResource<DoctorReport>('/v1/doctor', 60_000)
  const alerts = useResource<AlertPage>('/v1/alert-rows?limit=14&decided=false', lookMs)
  const isNew = images !== undefined && images.every(({ versions }) => versions.every(isYoung))
  return (
    <div class="view now">
      <header class="view-head">
        <h1>Now</h1>
        <p class="sub">{status === undefined ? ' ' : summary(status)}</p>
      </header>
      {status === undefined ? null : <Degraded status={status} />}
      {timeline.problem === undefined ? null : <ProblemNote problem={timeline.problem} />}
      {isNew ? <FirstUse images={images} status={status} /> : null}
      {images === undefined ? <Waiting rows={1} /> : <StageCounts images={images} cards={cards} />}
      <Panel title="The last day">
        {timeline.value === undefined ? (
          <Waiting rows={4} />
        ) : (
          <Timeline timeline={timeline.value} />
        )}
      </Panel>
      <div class="columns wide-left">
        <LiveDeviations alerts={alerts.value} />
        <ImageStates images={images} />
      </div>
      <div class="columns">
        <HostSight status={status} doctor={doctor.value} />
        <Gaps status={status} images={images} doctor={doctor.value} />
      </div>
    </div>
  )
}

function isYoung({ state, mode }: LineageView['versions'][number]): boolean {
  return state === 'learning' && mode === 'learn'
}

function summary({ containers, alerts, losses, state }: StatusView): string {
  const lost = losses.reduce((sum, { count }) => sum + Math.max(1, count), 0)
  return [
    `the agent is ${state}`,
    `${plural(containers.watched, 'container')} watched`,
    `${plural(alerts.open, 'open alert')}`,
    lost === 0 ? 'nothing lost' : `${plural(lost, 'event')} known to be lost`,
  ].join(' · ')
}

function Degraded({ status }: { readonly status: StatusView }) {
  if (status.degraded.length === 0) return null
  return (
    <ul class="note bad" role="alert">
      {status.degraded.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  )
}
