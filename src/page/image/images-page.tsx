import { useState } from 'preact/hooks'
import type { LineageView } from '../../api/version-views.ts'
import { link } from '../base/route.ts'
import { count, percent, plural, versionName } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { StageBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Waiting } from '../parts/notes.tsx'

export function ImagesPage({ images }: { readonly images: readonly LineageView[] | undefined }) {
  const [wanted, setWanted] = useState('')
  const found = images?.filter(({ repository }) => repository.includes(wanted))
  return (
    <div class="view">
      <header class="view-head">
        <h1>Images</h1>
        <p class="sub">{images === undefined ? ' ' : plural(images.length, 'image')}</p>
        <input
          type="search"
          aria-label="find an image"
          placeholder="Find an image"
          value={wanted}
          onInput={({ currentTarget }) => setWanted(currentTarget.value)}
        />
      </header>
      {found === undefined ? (
        <Waiting rows={6} />
      ) : found.length === 0 ? (
        <Empty title={wanted === '' ? 'No image observed yet' : 'No image has that name'}>
          <p>Each image appears here with the first event of its first container.</p>
        </Empty>
      ) : (
        <div class="panel scroll-x" tabIndex={0} role="region" aria-label="images and versions">
          <table class="plain images">
            <thead>
              <tr>
                <th scope="col">version</th>
                <th scope="col">state</th>
                <th scope="col" class="number">
                  behaviours
                </th>
                <th scope="col" class="number">
                  wait
                </th>
                <th scope="col" class="number">
                  containers
                </th>
                <th scope="col" class="number">
                  unseen
                </th>
                <th scope="col">last event</th>
                <th scope="col">why it is there</th>
              </tr>
            </thead>
            {found.map(({ repository, versions }) => (
              <tbody key={repository}>
                <tr class="group">
                  <th scope="rowgroup" colSpan={8}>
                    <a href={link('image', repository)}>
                      <Foreign text={repository} />
                    </a>
                  </th>
                </tr>
                {versions.toReversed().map((version) => (
                  <tr key={version.image.digest}>
                    <td>
                      <Foreign text={versionName(version.tags, version.image.digest)} />
                    </td>
                    <td>
                      <StageBadge state={version.state} mode={version.mode} />
                    </td>
                    <td class="number">{count(version.behaviours)}</td>
                    <td class="number">{version.pending === 0 ? '' : count(version.pending)}</td>
                    <td class="number">
                      {count(version.containers.running)}
                      <span class="muted"> of {count(version.containers.seen)}</span>
                    </td>
                    <td class="number">≤ {percent(version.coverage.bound)}</td>
                    <td>
                      <Ago time={version.lastSeen} />
                    </td>
                    <td class="muted why">
                      <Foreign text={version.because} words />
                    </td>
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        </div>
      )}
    </div>
  )
}
