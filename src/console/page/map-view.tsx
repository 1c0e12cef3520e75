import { useState } from 'preact/hooks'
import type {
  ConnectionFacts,
  ConnectionState,
  FleetConnection,
  FleetMap,
  FleetParty,
} from '../reading/views.ts'
import { query } from '../../page/base/api.ts'
import { useResource } from '../../page/base/resource.ts'
import { go, link, place } from '../../page/base/route.ts'
import { count, plural } from '../../page/base/text.ts'
import { SeverityBadge } from '../../page/parts/badges.tsx'
import { FacetSelect } from '../../page/parts/facet-select.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { Empty, ProblemNote, Waiting } from '../../page/parts/notes.tsx'
import { useIsCluster } from './fleet-store.ts'
import { kindText, MapPicture, partyText, portText } from './map-picture.tsx'

/** Connections of the picture and of the table: more of them nobody can read. */
const drawn = 1_000
const tableRows = 100

/** Who talks to whom. The place holds the filter, so that a link leads to the same view. */
export function MapView() {
  const { query: asked } = place.value
  const [namespace, state, party] = ['namespace', 'state', 'party'].map(
    (name) => asked.get(name) ?? '',
  )
  const [q, setQ] = useState('')
  const [from, setFrom] = useState(0)
  const filter = { q, namespace, state, party }
  const { value: map, problem } = useResource<FleetMap>(
    `/v1/fleet/map${query({ ...filter, limit: drawn })}`,
  )
  const choose = (change: Readonly<Record<string, string>>): void => {
    setFrom(0)
    go(mapLink({ namespace, state, party, ...change }))
  }
  const isCluster = useIsCluster()
  // A host's profiles have a namespace where they have a scope.
  const hasNamespaces =
    isCluster !== false || namespace !== '' || Object.keys(map?.namespaces ?? {}).length > 0
  const only = map?.parties.find(({ id }) => id === party)
  return (
    <div class="view">
      <header class="view-head">
        <h1>Map</h1>
        <p class="sub" role="status">
          {map === undefined ? ' ' : plural(map.total, 'connection')}
        </p>
        <div class="filters">
          <input
            type="search"
            aria-label="find a connection"
            placeholder={`Find: ${hasNamespaces ? 'a workload' : 'an image'}, a peer, tcp:5432`}
            value={q}
            onInput={({ currentTarget }) => {
              setQ(currentTarget.value)
              setFrom(0)
            }}
          />
          {hasNamespaces ? (
            <FacetSelect
              label="namespace"
              value={namespace ?? ''}
              facets={map?.namespaces}
              onChange={(value) => choose({ namespace: value })}
            />
          ) : null}
          <FacetSelect
            label="state"
            value={state ?? ''}
            facets={map?.states}
            onChange={(value) => choose({ state: value })}
          />
          {party === '' ? null : (
            <button type="button" onClick={() => choose({ party: '' })}>
              All parties
            </button>
          )}
        </div>
      </header>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {only === undefined ? null : <PartyPanel party={only} />}
      {map === undefined ? (
        problem === undefined ? (
          <Waiting rows={6} />
        ) : null
      ) : map.total === 0 ? (
        <Empty title="No connection matches">
          <p>A connection appears here once an agent has published or reported it.</p>
        </Empty>
      ) : (
        <>
          {map.total > map.rows.length ? (
            <p class="note">
              The picture and the table have the first {count(map.rows.length)} of{' '}
              {count(map.total)} connections, open alerts first.{' '}
              {hasNamespaces ? 'Choose a namespace, or find a workload.' : 'Find an image.'}
            </p>
          ) : null}
          <section class="panel" aria-label="picture">
            <Legend />
            <MapPicture map={map} wanted={party ?? ''} onParty={(id) => go(partyLink(id))} />
          </section>
          <ConnectionTable map={map} from={from < map.rows.length ? from : 0} onFrom={setFrom} />
        </>
      )}
    </div>
  )
}

/** Its neighbourhood, whatever the filter was. */
function partyLink(party: string): string {
  return mapLink({ party })
}

function mapLink(members: Readonly<Record<string, string | undefined>>): string {
  return `${link('map')}${query(members)}`
}

const stateTexts: Readonly<Record<ConnectionState, string>> = {
  alert: 'open alert',
  review: 'waits for review',
  learned: 'learned',
}

function Legend() {
  return (
    <p class="map-legend muted">
      {Object.entries(stateTexts).map(([state, text]) => (
        <span key={state}>
          <svg viewBox="0 0 28 8" aria-hidden="true">
            <path class={`edge ${state}`} d="M0 4H28" />
          </svg>
          {text}
        </span>
      ))}
      <span>Callers are on the left. Click on a party for its connections alone.</span>
    </p>
  )
}

/** One workload or peer, with the ports that it listens on. */
function PartyPanel({ party }: { readonly party: FleetParty }) {
  const { repository, profile, listens, left } = party
  return (
    <section class="panel" aria-label="party">
      <h2>
        <Foreign text={partyText(party)} /> <span class="muted">{kindText(party)}</span>
      </h2>
      {repository === undefined && profile === undefined ? null : (
        <p>
          {repository === undefined ? null : <Foreign text={repository} />}{' '}
          {profile === undefined ? null : <a href={link('images', profile)}>its latest profile</a>}
        </p>
      )}
      {listens.length === 0 ? null : (
        <ul class="map-ports">
          {listens.map((each) => (
            <li key={`${portText(each)} ${each.state}`}>
              listens on {portText(each)} <StateBadge of={each} /> <More of={each} />
            </li>
          ))}
        </ul>
      )}
      {left === 0 ? null : (
        <p class="note warn">
          {plural(left, 'connection or port', 'connections and ports')} of it{' '}
          {left === 1 ? 'is' : 'are'} left out of the map.
        </p>
      )}
    </section>
  )
}

function StateBadge({ of: { state, severity } }: { readonly of: ConnectionFacts }) {
  const tone = state === 'alert' ? 'quarantined' : state === 'review' ? 'pending' : ''
  return (
    <>
      {severity === undefined ? null : (
        <>
          <SeverityBadge severity={severity} />{' '}
        </>
      )}
      <span class={`badge ${tone}`}>{stateTexts[state]}</span>
    </>
  )
}

/** Where people decide on it, or see more. */
function More({ of: { item, profile } }: { readonly of: ConnectionFacts }) {
  if (item !== undefined) return <a href={link('review', item)}>review it</a>
  return profile === undefined ? null : <a href={link('images', profile)}>image</a>
}

function ConnectionTable({
  map: { rows, parties, offset },
  from,
  onFrom,
}: {
  readonly map: FleetMap
  readonly from: number
  readonly onFrom: (from: number) => void
}) {
  const known = new Map(parties.map((party) => [party.id, party]))
  const shown = rows.slice(from, from + tableRows)
  return (
    <section class="panel" aria-label="connections">
      <div class="scroll-x" tabIndex={0} role="region" aria-label="table of connections">
        <table class="plain map-table">
          <thead>
            <tr>
              <th scope="col">from</th>
              <th scope="col">to</th>
              <th scope="col">port</th>
              <th scope="col">peers</th>
              <th scope="col">state</th>
              <th scope="col" class="number">
                nodes
              </th>
              <th scope="col">programs</th>
              <th scope="col">more</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.key}>
                <td>
                  <End id={row.from} party={known.get(row.from)} />
                </td>
                <td>
                  <End id={row.to} party={known.get(row.to)} />
                </td>
                <td class="port">{portText(row)}</td>
                <td>
                  <Peers row={row} />
                </td>
                <td class="state">
                  <StateBadge of={row} />
                </td>
                <td class="number">{count(row.nodes)}</td>
                <td>
                  <Foreign text={row.programs.join(', ')} />
                </td>
                <td>
                  <More of={row} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length <= tableRows ? null : (
        <p class="buttons">
          <button type="button" disabled={from === 0} onClick={() => onFrom(from - tableRows)}>
            Before
          </button>
          <span role="status">
            {count(offset + from + 1)} to {count(offset + from + shown.length)}
          </span>
          <button
            type="button"
            disabled={from + tableRows >= rows.length}
            onClick={() => onFrom(from + tableRows)}
          >
            Next
          </button>
        </p>
      )}
    </section>
  )
}

/** Outside of the table's function: one that each answer makes again would lose the focus. */
function End({ id, party }: { readonly id: string; readonly party: FleetParty | undefined }) {
  return (
    <a href={partyLink(id)}>
      <Foreign text={party === undefined ? id : partyText(party)} />
    </a>
  )
}

function Peers({ row: { peers, peerCount } }: { readonly row: FleetConnection }) {
  const more = peerCount - peers.length
  return (
    <>
      <Foreign text={peers.join(', ')} />
      {more > 0 ? ` and ${count(more)} more` : ''}
    </>
  )
}
