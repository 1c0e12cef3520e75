import type { LineageView, StatusView } from '../../../engine/api/engine-views.ts'
import { link } from '../base/route.ts'
import { percent, plural } from '../base/text.ts'
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
          The agent is watching{status === undefined ? '' : ` ${status.node}`}, and no container has
          run yet. Start one, or restart one that should be watched from its start: its image
          appears here with its first act.
        </p>
      ) : (
        <>
          <p>
            Snug has begun to learn {plural(images.length, 'image')}. It writes down what each does:
            programs, files, peers, ports, users. Until it knows enough it tells you only what is
            never normal, such as a binary that the image did not bring.
          </p>
          <ul class="learning-list">
            {versions.slice(0, 6).map(({ image, tags, behaviours, coverage, because }) => (
              <li key={image.digest}>
                <a href={link('image', image.repository)}>
                  <Foreign text={`${image.repository}:${tags[0] ?? image.digest.slice(7, 19)}`} />
                </a>
                <progress
                  max={1}
                  value={Math.max(0.02, 1 - coverage.bound)}
                  aria-label={`how well it is known: a bound of ${percent(coverage.bound)}`}
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
          <strong>How long?</strong> Until the chance of something new is low enough, and never less
          than an hour (<code>learn.floor</code>). A container that is restarted, or runs several
          times, says more than one that runs for days.
        </li>
        <li>
          <strong>What to do?</strong> Use the service as it is used: its jobs, its health checks, a
          deploy. Nothing you do with <code>docker exec</code> counts as the service.
        </li>
        <li>
          <strong>Then?</strong> The version alerts by itself (<code>after: alert</code>), or waits
          for your word in <a href="#/review">Review</a>. What deviates shows here within a second.
        </li>
      </ol>
    </section>
  )
}
