import { useState } from 'preact/hooks'
import type { AgentState, FleetNodeRow, FleetNodes } from '../reading/views.ts'
import { count, plural } from '../../page/base/text.ts'
import { Ago } from '../../page/parts/ago.tsx'
import { FacetSelect } from '../../page/parts/facet-select.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { FleetList, TwoLines } from './fleet-list.tsx'
import { useIsCluster } from './fleet-store.ts'

export function NodesView() {
  const [state, setState] = useState('')
  const isCluster = useIsCluster()
  return (
    <FleetList<FleetNodeRow, FleetNodes>
      title="Nodes"
      one="node"
      path="/v1/fleet/nodes"
      find="Find: a node, a fault"
      filter={{ state }}
      keyOf={({ node }) => node}
      fields={(answer) => (
        <FacetSelect
          label="state"
          value={state}
          facets={answer === undefined ? undefined : present(answer.states)}
          onChange={setState}
        />
      )}
      draw={(row) => <NodeLine row={row} />}
      empty="No node"
      emptyWhy={
        isCluster === true
          ? 'Nodes come from the API server.'
          : 'A node appears here once its agent has shared or reported something.'
      }
    />
  )
}

function present(states: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(states).filter(([, n]) => n > 0))
}

const colours: Readonly<Record<AgentState, string>> = {
  missing: 'severity critical',
  silent: 'severity critical',
  blind: 'severity high',
  behind: 'severity medium',
  degraded: 'severity medium',
  unknown: 'severity low',
  working: 'behaviour approved',
}

function NodeLine({ row }: { readonly row: FleetNodeRow }) {
  const {
    node,
    state,
    reasons,
    version,
    reportedAt,
    containers,
    images,
    learned,
    blindContainers,
  } = row
  const [first] = reasons
  return (
    <TwoLines
      mark={<span class={`badge ${colours[state]}`}>{state}</span>}
      what={<Foreign text={node} cut />}
      who={
        first !== undefined ? (
          <>
            <Foreign text={first} cut words />
            {reasons.length > 1 ? ` and ${count(reasons.length - 1)} more` : ''}
          </>
        ) : (
          <>
            {containers === undefined ? '' : `${plural(containers, 'container')} · `}
            {plural(images, 'image')} published, {count(learned)} learned
          </>
        )
      }
    >
      {blindContainers === undefined ? null : (
        <span class="badge severity medium">{plural(blindContainers, 'container')} blind</span>
      )}
      {row.openAlerts === 0 ? null : (
        <span class="number muted">{plural(row.openAlerts, 'alert')}</span>
      )}
      {version === undefined ? null : <span class="muted">{version}</span>}
      {reportedAt === undefined ? null : <Ago time={reportedAt} />}
    </TwoLines>
  )
}
