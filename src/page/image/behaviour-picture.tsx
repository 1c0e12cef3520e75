import { useState } from 'preact/hooks'
import type { PictureView } from '../../api/page-views.ts'
import { imagePath } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { plural } from '../base/text.ts'
import { Answered, Empty, Panel } from '../parts/notes.tsx'
import { PeerGraph } from './peer-graph.tsx'
import { forestOf } from './process-forest.ts'
import { ProcessTree } from './process-tree.tsx'

/** The profile of a version as a picture, with its deviations on request. */
export function BehaviourPicture({ version }: { readonly version: string }) {
  const [isWhole, setWhole] = useState(false)
  const path = imagePath(version, `/picture${isWhole ? '?deviations=true' : ''}`)
  const resource = useResource<PictureView>(path, 10_000)
  return (
    <Answered resource={resource} rows={8}>
      {(picture) => (
        <Picture picture={picture} version={version} isWhole={isWhole} onWhole={setWhole} />
      )}
    </Answered>
  )
}

function Picture({
  picture,
  version,
  isWhole,
  onWhole,
}: {
  readonly picture: PictureView
  readonly version: string
  readonly isWhole: boolean
  readonly onWhole: (isWhole: boolean) => void
}) {
  const { programs, peers, left, deviations } = picture
  return (
    <>
      {deviations === 0 ? null : (
        <p class="picture-choice">
          <label>
            <input
              type="checkbox"
              checked={isWhole}
              onChange={({ currentTarget }) => onWhole(currentTarget.checked)}
            />{' '}
            with {plural(deviations, 'deviation')} that {deviations === 1 ? 'waits' : 'wait'} for
            review
          </label>
        </p>
      )}
      <Panel
        title="Programs"
        aside={
          <span class="muted">
            {plural(programs.length, 'program')}
            {left.programs > 0 ? `, ${left.programs} more in the list` : ''}
          </span>
        }
      >
        {programs.length === 0 ? (
          <Empty title="Nothing observed yet" />
        ) : (
          <ProcessTree branches={forestOf(picture)} version={version} />
        )}
      </Panel>
      <Panel
        title="Network"
        aside={
          <span class="muted">
            {plural(peers.length, 'peer')}
            {left.peers > 0 ? `, ${left.peers} more in the list` : ''}
          </span>
        }
      >
        {peers.length === 0 ? (
          <Empty title="No network peers">
            <p>Snug has observed no connection and no listener.</p>
          </Empty>
        ) : (
          <PeerGraph picture={picture} />
        )}
      </Panel>
    </>
  )
}
