import type { FleetDecision, FleetWindow } from '../reading/views.ts'
import { Ago } from '../../page/parts/ago.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { FleetList, TwoLines } from './fleet-list.tsx'
import { useIsCluster } from './fleet-store.ts'

export function DecisionsView() {
  const isCluster = useIsCluster()
  return (
    <FleetList<FleetDecision, FleetWindow<FleetDecision>>
      title="Decisions"
      one="decision"
      path="/v1/fleet/decisions"
      find="Find: a person, an image, a behaviour, a node"
      filter={{}}
      keyOf={({ at, what, profile, id = '', node = '' }) => [at, what, profile, id, node].join(' ')}
      draw={(row) => (
        <TwoLines
          what={<Foreign text={decisionText(row)} cut />}
          who={
            <>
              <Foreign text={row.lineage} /> · <Foreign text={row.by} />
              {row.node === undefined ? null : (
                <>
                  {' on '}
                  <Foreign text={row.node} />
                </>
              )}
              {row.reason === undefined ? null : (
                <>
                  : <Foreign text={row.reason} cut words />
                </>
              )}
            </>
          }
        >
          <Ago time={row.at} />
        </TwoLines>
      )}
      empty="No decision yet"
      emptyWhy={
        isCluster === true
          ? 'Decisions of people and of git, made here, on a node or with kubectl.'
          : 'Decisions of people, made here or on a node.'
      }
    />
  )
}

const texts: Readonly<Record<FleetDecision['what'], string>> = {
  mode: 'mode',
  'approve all': 'approved everything that waited',
  approve: 'approved',
  release: 'released from quarantine',
  reject: 'rejected',
  withdraw: 'withdrew the decision on',
}

/** The decision without its author, as one line. */
export function decisionText({ what, subject, id }: FleetDecision): string {
  return [texts[what], subject ?? id ?? ''].join(' ').trim()
}
