import { useState } from 'preact/hooks'
import { ask } from '../../page/base/api.ts'
import { plural } from '../../page/base/text.ts'
import { Ago, At } from '../../page/parts/ago.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { HoldForm, ReleaseForm } from '../../page/response/hold-form.tsx'
import { toast } from '../../page/shell/toasts.tsx'
import type { FleetHold } from '../../api/hold-views.ts'
import type { FleetWindow } from '../reading/views.ts'
import { useMay } from './fleet-decide.ts'
import { FleetList, TwoLines } from './fleet-list.tsx'

/** Everything that is held in the fleet. */
export function HoldsView() {
  return (
    <FleetList<FleetHold, FleetWindow<FleetHold>>
      title="Held"
      one="hold"
      path="/v1/fleet/holds"
      find="Find: an image, a pod, a person, a node"
      filter={{}}
      keyOf={({ profile, id }) => `${profile} ${id}`}
      draw={(row) => (
        <TwoLines
          mark={<span class="badge stopped">{row.level}</span>}
          what={<Foreign text={whatIn(row)} cut />}
          who={
            <>
              <Foreign text={row.by} />: <Foreign text={row.reason} cut words />
            </>
          }
        >
          <span class="number muted">{heldText(row)}</span>
          <Ago time={row.at} />
        </TwoLines>
      )}
      detail={(row) => (
        <article key={row.id} class="panel card" aria-label="hold">
          <HoldFacts hold={row} />
        </article>
      )}
      empty="Nothing is held"
      emptyWhy="An alert holds its pod or container here, and an image all of its containers."
    />
  )
}

/** A hold with how far it has come on each node, and its end. */
export function HoldFacts({ hold }: { readonly hold: FleetHold }) {
  const isAdmin = useMay('admin')
  const { id, profile, level, by, reason, at, until, releasedBy, nodes } = hold
  const [asks, setAsks] = useState(false)
  return (
    <>
      <p class="badges">
        <span class="badge stopped">{level}</span> <Foreign text={whatIn(hold)} /> until{' '}
        <At time={until} />{' '}
        {isAdmin && releasedBy === undefined ? (
          <button type="button" onClick={() => setAsks(true)}>
            Release …
          </button>
        ) : null}
      </p>
      <p class="muted">
        <Foreign text={by} />, <Ago time={at} />: <Foreign text={reason} words />
      </p>
      {releasedBy === undefined ? null : (
        <p class="note">
          Released by <Foreign text={releasedBy} />. These nodes have not ended it yet.
        </p>
      )}
      {nodes.length === 0 ? (
        <p class="muted">No node has reported a container that it is for.</p>
      ) : null}
      <ul class="plain-list">
        {nodes.slice(0, nodesShown).map(({ node, containers, held, because }) => (
          <li key={node}>
            <span class={`badge ${held === containers ? 'stopped' : 'pending'}`}>
              {held === containers ? 'held' : `${held} of ${containers}`}
            </span>{' '}
            <Foreign text={node} /> <span class="muted">{plural(containers, 'container')}</span>
            {because === undefined ? null : (
              <p>
                <Foreign text={because} words />
              </p>
            )}
          </li>
        ))}
      </ul>
      {nodes.length > nodesShown ? (
        <p class="muted">and {plural(nodes.length - nodesShown, 'more node')}</p>
      ) : null}
      {asks ? (
        <ReleaseForm
          release={async (why) => {
            const path = `/v1/fleet/images/${encodeURIComponent(profile)}/release-hold`
            await ask(path, { method: 'POST', body: { id, ...why } })
          }}
          onClose={() => setAsks(false)}
        />
      ) : null}
    </>
  )
}

/** A button for admins, with the form. `path`: of the route that takes the hold. */
export function HoldButton({ what, path }: { readonly what: string; readonly path: string }) {
  const [asks, setAsks] = useState(false)
  if (!useMay('admin')) return null
  return (
    <>
      <button type="button" class="danger" onClick={() => setAsks(true)}>
        Hold {what} …
      </button>
      {asks ? (
        <HoldForm
          title={`Hold ${what}`}
          order={async (body) => {
            await ask(path, { method: 'POST', body })
            toast('ordered: the view Held shows how far the hold has come')
          }}
          onClose={() => setAsks(false)}
        />
      ) : null}
    </>
  )
}

function whatIn({ lineage, pod, container }: FleetHold): string {
  if (pod !== undefined) return `${pod} (${lineage})`
  return container === undefined ? lineage : `${container.slice(0, 12)} (${lineage})`
}

function heldText({ nodes }: FleetHold): string {
  const held = nodes.reduce((sum, each) => sum + each.held, 0)
  const all = nodes.reduce((sum, each) => sum + each.containers, 0)
  return `${held} of ${plural(all, 'container')}`
}

const nodesShown = 50
