import type { PictureView } from '../../../engine/api/page-views.ts'
import { imagePath } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { plural } from '../base/text.ts'
import { Empty, Panel, ProblemNote, Waiting } from '../parts/notes.tsx'
import { PeerGraph } from './peer-graph.tsx'
import { forestOf } from './process-forest.ts'
import { ProcessTree } from './process-tree.tsx'

/** The behaviours of a version, as a picture. */
export function BehaviourPicture({ version }: { readonly version: string }) {
  const { value, problem } = useResource<PictureView>(imagePath(version, '/picture'), 10_000)
  if (problem !== undefined) return <ProblemNote problem={problem} />
  if (value === undefined) return <Waiting rows={8} />
  const { programs, peers, left } = value
  return (
    <>
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
          <ProcessTree branches={forestOf(value)} version={version} />
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
          <PeerGraph picture={value} />
        )}
      </Panel>
    </>
  )
}
