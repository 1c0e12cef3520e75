import { useState } from 'preact/hooks'
import type { FleetReview, FleetReviewItem } from '../reading/views.ts'
import { useKeys } from '../../page/base/keys.ts'
import { link } from '../../page/base/route.ts'
import { count, plural, shortDigest } from '../../page/base/text.ts'
import { Ago } from '../../page/parts/ago.tsx'
import { SeverityBadge } from '../../page/parts/badges.tsx'
import { FacetSelect } from '../../page/parts/facet-select.tsx'
import { Foreign } from '../../page/parts/foreign.tsx'
import { toast } from '../../page/shell/toasts.tsx'
import { decideOn, useMay } from './fleet-decide.ts'
import { type Decided, FleetList, TwoLines } from './fleet-list.tsx'

export function FleetReviewView({ wanted }: { readonly wanted: string }) {
  const [lineage, setLineage] = useState('')
  return (
    <FleetList<FleetReviewItem, FleetReview>
      key={wanted}
      title="Review"
      one="item"
      path="/v1/fleet/review"
      wanted={wanted}
      find="Find: a behaviour, a program, an image"
      filter={{ lineage }}
      keyOf={({ key }) => key}
      fields={(answer) => (
        <FacetSelect
          label="image"
          value={lineage}
          facets={answer?.lineages}
          onChange={setLineage}
        />
      )}
      above={({ versions }) =>
        versions.length === 0 ? null : (
          <p class="note">
            {plural(versions.length, 'version')} to decide on without an alert in memory:{' '}
            {versions.slice(0, versionsNamed).map(({ name, lineage: of }, i) => (
              <span key={name}>
                {i > 0 ? ', ' : ''}
                <a href={link('images', name)}>
                  <Foreign text={of} />
                </a>
              </span>
            ))}
            {versions.length > versionsNamed ? ', …' : ''}
          </p>
        )
      }
      draw={(row) => <ReviewLine row={row} />}
      detail={(row, decided) => <ReviewItem key={row.key} item={row} decided={decided} />}
      empty="Nothing waits for a decision"
      emptyWhy="A behaviour that no profile allows appears here, once for all nodes."
    />
  )
}

const versionsNamed = 5

function ReviewLine({ row }: { readonly row: FleetReviewItem }) {
  return (
    <TwoLines
      mark={<SeverityBadge severity={row.severity} />}
      what={<Foreign text={row.text} cut />}
      who={
        <>
          <Foreign text={row.lineage} /> · {plural(row.nodeCount, 'node')}
          {row.actor === undefined ? null : (
            <>
              {' '}
              · <Foreign text={row.actor} cut />
            </>
          )}
        </>
      }
    >
      {row.guardrails.length > 0 ? (
        <span class="badge behaviour quarantined">guardrail</span>
      ) : null}
      {row.isGit ? <span class="badge decided">git</span> : null}
      <span class="number muted">{row.count > 1 ? `${count(row.count)} ×` : ''}</span>
      <Ago time={row.lastSeen} />
    </TwoLines>
  )
}

function ReviewItem({
  item,
  decided,
}: {
  readonly item: FleetReviewItem
  readonly decided: Decided
}) {
  const isReviewer = useMay('reviewer')
  const { profile, revision, behaviours, guardrails, lineage, nodes, nodeCount } = item
  const canDecide = isReviewer && profile !== undefined && !item.isGit
  const decide = (what: 'approve' | 'reject'): void => {
    if (!canDecide || profile === undefined) return
    if (!decided.settled()) return toast('The list has changed: check it again')
    const isRelease = what === 'approve' && guardrails.length > 0
    const body = isRelease ? { quarantined: behaviours } : { behaviours }
    const done = `${what === 'approve' ? 'Approved' : 'Rejected'} on all nodes: ${item.text}`
    void decideOn(profile, what, body, revision ?? '', done)
  }
  useKeys('Review', [
    { keys: 'a', does: 'approve it on all nodes', run: () => decide('approve') },
    { keys: 'r', does: 'reject it on all nodes', run: () => decide('reject') },
  ])
  return (
    <article class="panel card" aria-label="what waits">
      <p class="badges">
        <SeverityBadge severity={item.severity} />{' '}
        {guardrails.map((id) => (
          <span key={id} class="badge behaviour quarantined">
            {id}
          </span>
        ))}
      </p>
      <h2 class="act-line">
        <Foreign text={item.text} />
      </h2>
      <p>
        <Foreign text={item.reason} words />
      </p>
      <dl class="facts">
        {item.actor === undefined ? null : (
          <>
            <dt>program</dt>
            <dd>
              <Foreign text={item.actor} />
            </dd>
          </>
        )}
        <dt>image</dt>
        <dd>
          <Foreign text={lineage} /> <span class="muted">{shortDigest(item.digest)}</span>
        </dd>
        <dt>nodes</dt>
        <dd>
          <Foreign text={nodes.join(', ')} />
          {nodeCount > nodes.length ? ` and ${count(nodeCount - nodes.length)} more` : ''}
        </dd>
        <dt>how often</dt>
        <dd>
          {count(item.count)} times, {plural(item.alerts, 'alert')}
        </dd>
        <dt>seen</dt>
        <dd>
          first <Ago time={item.firstSeen} />, last <Ago time={item.lastSeen} />
        </dd>
        <dt>decides on</dt>
        <dd>
          {plural(behaviours.length, 'behaviour')}
          {item.unnamed > 0
            ? `. ${count(item.unnamed)} more of this cause have no name here: decide on these at a node`
            : ''}
        </dd>
      </dl>
      {profile === undefined ? (
        <p class="note">The fleet has no profile of this image: its agents do not share one.</p>
      ) : item.isGit ? (
        <p class="note">Git decides on this image: change the object in its repository.</p>
      ) : !isReviewer ? (
        <p class="muted">A reviewer can decide on it.</p>
      ) : (
        <p class="buttons">
          <button type="button" class="primary" onClick={() => decide('approve')}>
            Approve on all nodes <kbd>a</kbd>
          </button>
          <button type="button" class="danger" onClick={() => decide('reject')}>
            Reject on all nodes <kbd>r</kbd>
          </button>
        </p>
      )}
    </article>
  )
}
