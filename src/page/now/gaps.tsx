import type { DoctorReport, StatusView } from '../../api/status-views.ts'
import type { LineageView } from '../../api/version-views.ts'
import { link } from '../base/route.ts'
import { lineageOf, plural, refOf, versionName } from '../base/text.ts'
import { Ago, At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Panel, Waiting } from '../parts/notes.tsx'

const lossesShown = 5

/** Losses, gaps in coverage, and their reasons. */
export function Gaps({
  status,
  images,
  doctor,
}: {
  readonly status: StatusView | undefined
  readonly images: readonly LineageView[] | undefined
  readonly doctor: DoctorReport | undefined
}) {
  if (status === undefined || images === undefined) {
    return (
      <Panel title="Losses and gaps in coverage">
        <Waiting rows={3} />
      </Panel>
    )
  }
  const failing = doctor?.checks.filter(({ ok }) => !ok) ?? []
  const held = images
    .flatMap(({ versions }) => versions)
    .filter(({ state }) => state !== 'enforced')
  const { unresolved, before, blind } = status.containers
  const nothing =
    status.losses.length === 0 &&
    failing.length === 0 &&
    held.length === 0 &&
    unresolved + before + blind === 0
  return (
    <Panel title="Losses and gaps in coverage">
      {nothing ? <Empty title="No loss is known, and every image is held to its profile" /> : null}
      {status.losses.length === 0 ? null : (
        <ul class="plain-list losses">
          {status.losses.slice(0, lossesShown).map((loss) => (
            <li key={`${loss.reason} ${loss.from}`}>
              <span class="badge lost">{loss.reason}</span>{' '}
              {loss.count === 0 ? 'an unknown number of events' : plural(loss.count, 'event')},
              until <At time={loss.to} />{' '}
              <span class="muted">
                (<Ago time={loss.to} />)
              </span>
            </li>
          ))}
        </ul>
      )}
      {unresolved === 0 ? null : (
        <p>{plural(unresolved, 'container')} with an unknown image: only guardrails apply.</p>
      )}
      {before === 0 ? null : (
        <p>
          {plural(before, 'container')} started before the agent, which did not observe their start.
          Restart them to have it observed.
        </p>
      )}
      {blind === 0 ? null : (
        <p class="bad-text">
          {plural(blind, 'container')} blind: their runtime hides from this kernel what they do.
          Nothing is learned of them or stopped in them.
        </p>
      )}
      {held.length === 0 ? null : (
        <dl class="reasons">
          {held.map(({ image, tags, because }) => (
            <div key={refOf({ image })}>
              <dt>
                <a href={link('image', lineageOf(image))}>
                  <Foreign text={`${lineageOf(image)}:${versionName(tags, image.digest)}`} />
                </a>
              </dt>
              <dd>
                <Foreign text={because} words />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {failing.length === 0 ? null : (
        <dl class="reasons">
          {failing.map(({ name, found, advice }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {found}
                {advice === undefined ? null : <em> · {advice}</em>}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  )
}
