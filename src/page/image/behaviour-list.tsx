import { useRef, useState } from 'preact/hooks'
import type { BehaviourPage } from '../../api/page-views.ts'
import type { BehaviourView } from '../../api/profile-views.ts'
import { imagePath, query } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { count, plural } from '../base/text.ts'
import { useAnchor } from '../base/use-anchor.ts'
import { useWindow } from '../base/use-window.ts'
import { BehaviourBadge } from '../parts/badges.tsx'
import { FacetSelect } from '../parts/facet-select.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { listKeys } from '../parts/list-keys.ts'
import { Empty, ProblemNote } from '../parts/notes.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { BehaviourEvidence } from './behaviour-evidence.tsx'

const rowHeight = 34

/** Every behaviour of a version, with the evidence of the selected one. */
export function BehaviourList({
  version,
  actor,
}: {
  readonly version: string
  readonly actor: string
}) {
  const [q, setQ] = useState('')
  const [state, setState] = useState('')
  const [kind, setKind] = useState('')
  const [cursor, setCursor] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  const filter = { q, state, kind, actor }
  const windowed = useWindow<BehaviourView, BehaviourPage>(
    `${version} ${JSON.stringify(filter)}`,
    (offset, limit) => imagePath(version, `/behaviours${query({ ...filter, offset, limit })}`),
    ({ rows }) => rows,
  )
  const { answer, problem } = windowed
  const total = answer?.total ?? 0
  const anchor = useAnchor(cursor, total, (index) => windowed.row(index)?.id, setCursor)
  const pick = (to: number, row?: BehaviourView): void => {
    anchor.pick(to, row?.id)
    list.current?.focus()
  }
  useKeys('Behaviours', listKeys(total, cursor, pick))
  const change = (set: (value: string) => void) => (value: string) => {
    set(value)
    setCursor(0)
  }
  const current = windowed.row(cursor)
  return (
    <div class="split">
      <div class="split-list panel">
        <div class="filters">
          <input
            type="search"
            aria-label="find a behaviour"
            placeholder="Find: a path, a peer, a program"
            value={q}
            onInput={({ currentTarget }) => change(setQ)(currentTarget.value)}
          />
          <FacetSelect
            label="kind"
            value={kind}
            facets={answer?.kinds}
            onChange={change(setKind)}
          />
          <FacetSelect
            label="state"
            value={state}
            facets={answer?.states}
            onChange={change(setState)}
          />
          <span class="muted" role="status">
            {answer === undefined ? ' ' : plural(total, 'behaviour')}
          </span>
        </div>
        {actor === '' ? null : (
          <p class="filter-note">
            Only what <Foreign text={actor} /> does.{' '}
            <a href={`#/image/${encodeURIComponent(version)}/list`}>all programs</a>
          </p>
        )}
        {problem === undefined ? null : <ProblemNote problem={problem} />}
        {answer !== undefined && total === 0 ? (
          <Empty title="No behaviour matches" />
        ) : (
          <VirtualList
            label="behaviours"
            listRef={list}
            total={total}
            rowHeight={rowHeight}
            row={windowed.row}
            look={windowed.look}
            cursor={cursor}
            keyOf={({ id }) => id}
            onCursor={pick}
            draw={(row) => <BehaviourRow row={row} />}
          />
        )}
      </div>
      <div class="split-detail">
        {current === undefined ? null : <BehaviourEvidence behaviour={current} />}
      </div>
    </div>
  )
}

function BehaviourRow({ row }: { readonly row: BehaviourView }) {
  return (
    <>
      <span class="what">
        <Foreign text={row.text} cut />
      </span>
      <span class="who muted">
        <Foreign text={row.actor.script ?? row.actor.exe} cut />
      </span>
      <span class="number muted">{count(row.count)} ×</span>
      <BehaviourBadge state={row.state} />
    </>
  )
}
