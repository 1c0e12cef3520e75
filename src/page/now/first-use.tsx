import type { StatusView } from '../../api/status-views.ts'
import type { LineageView } from '../../api/version-views.ts'
import { link } from '../base/route.ts'
import { lineageOf, percent, plural } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'

/** A new agent: what it is doing, how long that takes, and what there is to do meanwhile. */
export function FirstUse({
  images,
  status,
}: {
  readonly images: readonly LineageView[]
  readonly status: StatusView | undefined
}) {
  const versions = images.flatMap((lineage) => lineage.versions)
  return (
    <section class="panel first-use" aria-label="getting started">
      <h2>
        {versions.length === 0 ? 'Waiting for the first container' : 'Learning what is normal'}
      </h2>
      {versions.length === 0 ? (
        <p>
          The agent watches{status === undefined ? ' this node' : ` ${status.node}`}. No container
          has run yet. Start a container, or restart one to have its start observed. Its image
          appears here with its first event.
        </p>
      ) : (
        <>
          <p>
            Snug is learning {plural(images.length, 'image')}. It records the programs, files,
            peers, ports and users of each. While it learns, only guardrails raise alerts, for
            example on a binary that is not part of the image.
          </p>
          <ul class="learning-list">
            {versions.slice(0, 6).map(({ image, tags, behaviours, coverage, because }) => (
              <li key={image.digest}>
                <a href={link('image', lineageOf(image))}>
                  <Foreign text={`${lineageOf(image)}:${tags[0] ?? image.digest.slice(7, 19)}`} />
                </a>
                <progress
                  max={1}
                  value={Math.max(0.02, 1 - coverage.bound)}
                  aria-label={`coverage: a bound of ${percent(coverage.bound)}`}
                />
                <span class="muted">
                  {plural(behaviours, 'behaviour')} · <Foreign text={because} words />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      <ol class="steps">
        <li>
          <strong>How long?</strong> Until the chance of new behaviour is low enough, and at least
          one hour (<code>learn.floor</code>). A container that restarts often gives more coverage
          than one that runs for days.
        </li>
        <li>
          <strong>What to do?</strong> Use the service as in production: its jobs, its health
          checks, a deployment. Snug does not count <code>docker exec</code> sessions as the
          service.
        </li>
        <li>
          <strong>Then?</strong> The version alerts automatically (<code>after: alert</code>), or
          waits for your decision in <a href="#/review">Review</a>. Deviations appear here within a
          second.
        </li>
      </ol>
    </section>
  )
}
