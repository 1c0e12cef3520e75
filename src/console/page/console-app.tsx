import type { FleetStatus } from '../reading/views.ts'
import { useKeys } from '../../page/base/keys.ts'
import { useResource } from '../../page/base/resource.ts'
import { go, place } from '../../page/base/route.ts'
import { count } from '../../page/base/text.ts'
import { Foreign } from '../../page/parts/foreign.tsx'
import { ProblemNote } from '../../page/parts/notes.tsx'
import { Help, helpShown } from '../../page/shell/help.tsx'
import { NavBar } from '../../page/shell/nav-bar.tsx'
import { Toasts } from '../../page/shell/toasts.tsx'
import { DecisionsView } from './decisions-view.tsx'
import { FleetAlertsView } from './fleet-alerts-view.tsx'
import { FleetIncidentsView } from './fleet-incidents-view.tsx'
import { HoldsView } from './fleet-holds.tsx'
import { FleetImagesView } from './fleet-images-view.tsx'
import { FleetReviewView } from './fleet-review-view.tsx'
import { MapView } from './map-view.tsx'
import { NodesView } from './nodes-view.tsx'
import { PersonsView } from './persons-view.tsx'

/** The page of the console: the whole fleet. */
export function ConsoleApp() {
  const { value: status, problem } = useResource<FleetStatus>('/v1/fleet')
  useKeys('Everywhere', [
    { keys: 'g i', does: 'images', run: () => go('#/images') },
    { keys: 'g r', does: 'review', run: () => go('#/review') },
    { keys: 'g t', does: 'incidents', run: () => go('#/incidents') },
    { keys: 'g a', does: 'alerts', run: () => go('#/alerts') },
    { keys: 'g p', does: 'persons', run: () => go('#/persons') },
    { keys: 'g m', does: 'map', run: () => go('#/map') },
    { keys: 'g n', does: 'nodes', run: () => go('#/nodes') },
    { keys: 'g h', does: 'what is held', run: () => go('#/held') },
    { keys: 'g d', does: 'decisions', run: () => go('#/decisions') },
    {
      keys: '/',
      does: 'to the search field',
      run: () => document.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
    },
    {
      keys: '?',
      does: 'this help',
      run: () => {
        helpShown.value = true
      },
    },
  ])
  const unwell = status === undefined ? 0 : nodesUnwell(status)
  return (
    <>
      <NavBar
        home="images"
        items={[
          { name: 'images', title: 'Images', key: 'i' },
          { name: 'review', title: 'Review', key: 'r', count: status?.waiting },
          { name: 'incidents', title: 'Incidents', key: 't' },
          { name: 'alerts', title: 'Alerts', key: 'a', count: status?.openAlerts },
          { name: 'persons', title: 'Persons', key: 'p' },
          { name: 'map', title: 'Map', key: 'm' },
          { name: 'nodes', title: 'Nodes', key: 'n', count: unwell },
          { name: 'held', title: 'Held', key: 'h' },
          { name: 'decisions', title: 'Decisions', key: 'd' },
        ]}
        note={status === undefined ? ' ' : `${count(nodesOf(status))} nodes`}
        title="the fleet"
      />
      <main id="main" tabIndex={-1}>
        {problem === undefined ? null : <ProblemNote problem={problem} />}
        {(status?.faults ?? []).map((fault) => (
          <p key={fault} class="note bad" role="alert">
            The console cannot read everything now. <Foreign text={fault} words />
          </p>
        ))}
        <View />
      </main>
      <Toasts />
      <Help />
    </>
  )
}

function View() {
  const { parts, query } = place.value
  const [name = 'images', first = ''] = parts
  switch (name) {
    case 'review':
      return <FleetReviewView wanted={first} />
    case 'incidents':
      return <FleetIncidentsView key={first} wanted={first} />
    case 'alerts':
      return <FleetAlertsView key={`${first} ${query.toString()}`} wanted={first} />
    case 'persons':
      return <PersonsView key={first} wanted={first} />
    case 'map':
      return <MapView />
    case 'nodes':
      return <NodesView />
    case 'held':
      return <HoldsView />
    case 'decisions':
      return <DecisionsView />
    default:
      return <FleetImagesView wanted={first} />
  }
}

function nodesOf({ nodes }: FleetStatus): number {
  return Object.values(nodes).reduce((sum, each) => sum + each, 0)
}

/** Nodes whose agent does not do all that it should. */
function nodesUnwell(status: FleetStatus): number {
  return nodesOf(status) - status.nodes.working - status.nodes.unknown
}
