import type { LineageView, VersionView } from '../../api/version-views.ts'
import { link } from '../base/route.ts'
import { count, percent, versionName } from '../base/text.ts'
import { StageBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Panel, Waiting } from '../parts/notes.tsx'

const shown = 10

/** Images by state: the newest version of each. */
export function ImageStates({ images }: { readonly images: readonly LineageView[] | undefined }) {
  return (
    <Panel title="Images" aside={<a href={link('images')}>all images</a>}>
      {images === undefined ? (
        <Waiting rows={5} />
      ) : images.length === 0 ? (
        <Empty title="No image yet">
          <p>The first image appears when its first container runs.</p>
        </Empty>
      ) : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">image</th>
              <th scope="col">state</th>
              <th scope="col" class="number">
                <abbr title="95 % upper bound of the chance that the next look shows something new">
                  unseen
                </abbr>
              </th>
              <th scope="col" class="number">
                running
              </th>
            </tr>
          </thead>
          <tbody>
            {images.slice(0, shown).map(({ repository, versions }) => {
              const newest = versions.at(-1)
              return newest === undefined ? null : (
                <Row key={repository} repository={repository} version={newest} />
              )
            })}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

function Row({
  repository,
  version,
}: {
  readonly repository: string
  readonly version: VersionView
}) {
  const { tags, image, state, mode, coverage, containers } = version
  return (
    <tr>
      <td class="name">
        <a href={link('image', repository)}>
          <Foreign text={repository} />
        </a>{' '}
        <span class="muted">
          <Foreign text={versionName(tags, image.digest)} />
        </span>
      </td>
      <td>
        <StageBadge state={state} mode={mode} />
      </td>
      <td class="number">≤ {percent(coverage.bound)}</td>
      <td class="number">{count(containers.running)}</td>
    </tr>
  )
}
