import { useState } from 'preact/hooks'
import type { FleetImageDetail, FleetImageRow, FleetImages } from '../reading/views.ts'
import { useResource } from '../../page/base/resource.ts'
import { count, plural, shortDigest } from '../../page/base/text.ts'
import { Ago } from '../../page/parts/ago.tsx'
import { FacetSelect } from '../../page/parts/facet-select.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { Answered } from '../../page/parts/notes.tsx'
import { decisionText } from './decisions-view.tsx'
import { decideOn, useMay } from './fleet-decide.ts'
import { HoldButton, HoldFacts } from './fleet-holds.tsx'
import { useIsCluster } from './fleet-store.ts'
import { FleetList, TwoLines } from './fleet-list.tsx'

export function FleetImagesView({ wanted }: { readonly wanted: string }) {
  const [stage, setStage] = useState('')
  const isCluster = useIsCluster()
  return (
    <FleetList<FleetImageRow, FleetImages>
      key={wanted}
      title="Images"
      one="version"
      path="/v1/fleet/images"
      wanted={wanted}
      find={`Find: a repository, ${isCluster === true ? 'a namespace, ' : ''}a digest`}
      filter={{ stage }}
      keyOf={({ name }) => name}
      fields={(answer) => (
        <FacetSelect label="state" value={stage} facets={answer?.stages} onChange={setStage} />
      )}
      draw={(row) => <ImageLine row={row} />}
      detail={(row) => <ImageDetail key={row.name} name={row.name} />}
      empty="No image observed yet"
      emptyWhy="Each image appears here once an agent has published its profile."
    />
  )
}

export function StageMark({ state, mode }: { readonly state: string; readonly mode: string }) {
  const name = state === 'enforced' ? mode : state
  return <span class={`badge stage ${name}`}>{name}</span>
}

function ImageLine({ row }: { readonly row: FleetImageRow }) {
  return (
    <TwoLines
      mark={<StageMark state={row.state} mode={row.mode} />}
      what={<Foreign text={row.lineage} cut />}
      who={
        <>
          {shortDigest(row.image.digest)} · {plural(row.nodes, 'node')}, learned on{' '}
          {count(row.learned)}
        </>
      }
    >
      {row.authority === 'git' ? <span class="badge decided">git</span> : null}
      {row.decided === undefined ? null : (
        <span class="badge severity medium">{row.decided} decided</span>
      )}
      {row.blind === undefined ? null : (
        <span class="badge severity medium">{plural(row.blind.running, 'container')} blind</span>
      )}
      {row.pending === 0 ? null : <span class="badge decided">{count(row.pending)} wait</span>}
      {row.openAlerts === 0 ? null : (
        <span class="number muted">{plural(row.openAlerts, 'alert')}</span>
      )}
    </TwoLines>
  )
}

const next: Readonly<Record<string, readonly ('learn' | 'alert' | 'block')[]>> = {
  learn: ['alert'],
  alert: ['learn', 'block'],
  block: ['alert'],
}

function ImageDetail({ name }: { readonly name: string }) {
  const path = `/v1/fleet/images/${encodeURIComponent(name)}`
  const resource = useResource<FleetImageDetail>(path)
  return (
    <Answered resource={resource} rows={6}>
      {(detail) => <ImageCard name={name} path={path} detail={detail} />}
    </Answered>
  )
}

function ImageCard({
  name,
  path,
  detail,
}: {
  readonly name: string
  readonly path: string
  readonly detail: FleetImageDetail
}) {
  const isAdmin = useMay('admin')
  const isReviewer = useMay('reviewer')
  const isCluster = useIsCluster()
  const { image, lineage, coverage, decisions, holds, revision, authority, blind } = detail
  return (
    <article class="panel card" aria-label="image">
      <p class="badges">
        <StageMark state={detail.state} mode={detail.mode} />{' '}
        {detail.decided === undefined ? null : (
          <span class="badge severity medium">{detail.decided} decided, not applied yet</span>
        )}
      </p>
      <h2 class="act-line">
        <Foreign text={lineage} />
      </h2>
      <dl class="facts">
        <dt>version</dt>
        <dd>
          <Foreign text={image.digest} />
        </dd>
        <dt>{isCluster === true ? 'object' : 'name in keys'}</dt>
        <dd>
          <Foreign text={name} />
        </dd>
        <dt>behaviours</dt>
        <dd>
          {isCluster === true
            ? `${count(detail.behaviours)} known, ${count(detail.pending)} wait on the node that reports it`
            : `${count(detail.behaviours)} published, ${count(detail.pending)} wait in the review`}
        </dd>
        <dt>why</dt>
        <dd>
          <Foreign text={detail.because} words />
        </dd>
        {blind === undefined ? null : (
          <>
            <dt>blind</dt>
            <dd>
              {plural(blind.running, 'running container')} on {plural(blind.nodes, 'node')}:{' '}
              <Foreign text={blind.reasons.join(', and ')} words />
            </dd>
          </>
        )}
      </dl>
      {authority === 'git' ? (
        <p class="note">Git decides on this image: change the object in its repository.</p>
      ) : (
        <p class="buttons">
          {isReviewer && detail.state === 'review' ? (
            <button
              type="button"
              class="primary"
              onClick={() =>
                void decideOn(name, 'approve', { all: true }, revision, `Approved ${lineage}`)
              }
            >
              Approve the version on all nodes
            </button>
          ) : null}
          {isAdmin
            ? (next[detail.mode] ?? []).map((mode) => (
                <button
                  key={mode}
                  type="button"
                  onClick={() =>
                    void decideOn(name, 'mode', { mode }, revision, `${lineage}: ${mode}`)
                  }
                >
                  {mode === 'learn' ? 'Learn again' : `Set to ${mode}`} on all nodes
                </button>
              ))
            : null}
        </p>
      )}
      <p class="buttons">
        <HoldButton what="its containers" path={`${path}/holds`} />
      </p>
      {holds.length === 0 ? null : <h3>Held</h3>}
      {holds.map((hold) => (
        <HoldFacts key={hold.id} hold={hold} />
      ))}
      <h3>Coverage by node</h3>
      {coverage.length === 0 ? (
        <p class="muted">No node has published anything of it yet.</p>
      ) : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="coverage by node">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">node</th>
                <th scope="col">learned</th>
                <th scope="col" class="number">
                  behaviours published first
                </th>
              </tr>
            </thead>
            <tbody>
              {coverage.slice(0, nodesShown).map(({ node, learnedAt, published }) => (
                <tr key={node}>
                  <td>
                    <Foreign text={node} />
                  </td>
                  <td>{learnedAt === undefined ? 'not there' : <Ago time={learnedAt} />}</td>
                  <td class="number">{count(published)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {coverage.length > nodesShown ? (
        <p class="muted">and {plural(coverage.length - nodesShown, 'more node')}</p>
      ) : null}
      <h3>Decisions</h3>
      {decisions.length === 0 ? <p class="muted">None.</p> : null}
      <ul class="reasons-list">
        {decisions.slice(0, decisionsShown).map((each) => (
          <li key={`${each.at} ${each.what} ${each.id ?? ''} ${each.node ?? ''}`}>
            <Foreign text={decisionText(each)} words /> · <Foreign text={each.by} />,{' '}
            <Ago time={each.at} />
          </li>
        ))}
      </ul>
      {decisions.length > decisionsShown ? (
        <p class="muted">and {plural(decisions.length - decisionsShown, 'more decision')}</p>
      ) : null}
    </article>
  )
}

const nodesShown = 50
const decisionsShown = 20
