import { useRef, useState } from 'preact/hooks'
import type { CardBehaviour, ReviewCard, ReviewPage } from '../../api/review-cards.ts'
import { query } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { plural } from '../base/text.ts'
import { useAnchor } from '../base/use-anchor.ts'
import { useWindow } from '../base/use-window.ts'
import { FacetSelect } from '../parts/facet-select.tsx'
import { listKeys } from '../parts/list-keys.ts'
import { Empty, ProblemNote, Waiting } from '../parts/notes.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { toast } from '../shell/toasts.tsx'
import { callIncident, decide, type Decision, onlyOne } from './decide.ts'
import { boundsAsked } from './decision-buttons.tsx'
import { DecisionCard } from './decision-card.tsx'
import { IncidentDialog } from './incident-dialog.tsx'
import { CardRow } from './card-row.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { revisionOf, useSeen } from './use-seen.ts'
import { WaitingVersions } from './waiting-versions.tsx'

const rowHeight = 56

/** The review queue: the list of cards on the left, the selected card on the right. */
export function ReviewPageView() {
  const [q, setQ] = useState('')
  const [repository, setRepository] = useState('')
  const [cursor, setCursor] = useState(0)
  const [selected, setSelected] = useState<ReadonlyMap<string, ReviewCard>>(new Map())
  const [session, setSession] = useState('')
  const list = useRef<HTMLDivElement>(null)
  const filter = { q, repository }
  const windowed = useWindow<ReviewCard, ReviewPage>(
    JSON.stringify(filter),
    (offset, limit) => `/v1/review${query({ ...filter, offset, limit })}`,
    ({ cards }) => cards,
  )
  const { answer, problem } = windowed
  const total = answer?.total ?? 0
  const at = Math.min(cursor, Math.max(0, total - 1))
  const card = windowed.row(at)
  const seen = useSeen()
  /** Cards as they stood when they were decided on: a key that is pressed again is not for them. */
  const decided = useRef(new Set<string>())
  const anchor = useAnchor(at, total, (index) => windowed.row(index)?.key, setCursor)

  const pick = (to: number, row?: ReviewCard): void => {
    anchor.pick(to, row?.key)
    list.current?.focus()
  }
  const toggle = (row: ReviewCard | undefined): void => {
    if (row === undefined) return
    const next = new Map(selected)
    if (!next.delete(row.key)) next.set(row.key, row)
    setSelected(next)
  }
  /** All loaded cards that match: cards that are not loaded are not selected. */
  const select = (wanted: (row: ReviewCard) => boolean): void => {
    const next = new Map(selected)
    for (let i = 0; i < total; i++) {
      const row = windowed.row(i)
      if (row !== undefined && wanted(row)) next.set(row.key, row)
    }
    setSelected(next)
  }
  const chosen = (): readonly ReviewCard[] =>
    selected.size > 0 ? [...selected.values()] : card === undefined ? [] : [card]
  const act = (decision: Decision): void => {
    const cards = chosen().filter((each) => !decided.current.has(revisionOf(each)))
    if (cards.length === 0) return
    if (selected.size === 0 && !anchor.settled()) {
      toast('The list has changed: check it again')
      return
    }
    for (const each of cards) decided.current.add(revisionOf(each))
    anchor.release()
    void decide(cards, decision).then((result) => {
      if (result.ok) return setSelected(new Map())
      if (card !== undefined) anchor.hold(card.key)
      if (result.conflict) {
        seen.conflict(cards)
        setSelected(new Map())
      }
    })
  }
  /** The rest of the card stays in the list. */
  const actOnOne = (behaviour: CardBehaviour, kind: Decision['kind']): void => {
    if (card === undefined) return
    void decide([onlyOne(card, behaviour)], { kind }).then((result) => {
      if (!result.ok && result.conflict) seen.conflict([card])
    })
  }
  useKeys('Review', [
    ...listKeys(total, at, pick, 8),
    { keys: 'x', does: 'tick, or untick', run: () => toggle(card) },
    {
      keys: 'e',
      does: 'tick all that the image explains',
      run: () => select((row) => row.explained !== undefined),
    },
    { keys: '*', does: 'tick all that are loaded', run: () => select(() => true) },
    { keys: 'Escape', does: 'untick all', run: () => setSelected(new Map()) },
    { keys: 'a', does: 'allow what is ticked, or this one', run: () => act({ kind: 'approve' }) },
    {
      keys: 'b',
      does: 'allow within bounds: until, or only for',
      run: () => {
        boundsAsked.value = chosen().length > 0
      },
    },
    { keys: 'r', does: 'reject what is ticked, or this one', run: () => act({ kind: 'reject' }) },
    {
      keys: 'i',
      does: 'call its exec session an incident',
      run: () => setSession(card?.sessions[0] ?? ''),
    },
  ])
  const change = (set: (value: string) => void) => (value: string) => {
    set(value)
    setCursor(0)
    setSelected(new Map())
  }
  return (
    <div class="view tall">
      <header class="view-head">
        <h1>Review</h1>
        <p class="sub" role="status">
          {answer === undefined
            ? ' '
            : `${plural(total, 'card')} to decide on, with ${plural(answer.behaviours, 'behaviour')}`}
        </p>
      </header>
      {answer === undefined ? null : <WaitingVersions versions={answer.versions} />}
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {answer === undefined ? (
        <Waiting rows={6} />
      ) : (
        <div class="split">
          <div class="split-list panel">
            <div class="filters">
              <input
                type="search"
                aria-label="find a behaviour"
                placeholder="Find: a behaviour, a program"
                value={q}
                onInput={({ currentTarget }) => change(setQ)(currentTarget.value)}
              />
              <FacetSelect
                label="image"
                value={repository}
                facets={answer.repositories}
                onChange={change(setRepository)}
              />
            </div>
            {total === 0 ? (
              <Empty title="Nothing waits for a decision">
                <p>
                  Deviations and the new behaviours of a new version wait here. Past decisions are
                  in the <a href="#/audit">audit log</a>.
                </p>
              </Empty>
            ) : (
              <VirtualList
                label="cards to decide on"
                listRef={list}
                total={total}
                rowHeight={rowHeight}
                row={windowed.row}
                look={windowed.look}
                cursor={at}
                keyOf={({ key }) => key}
                onCursor={pick}
                isSelected={(index) => selected.has(windowed.row(index)?.key ?? '')}
                draw={(row) => (
                  <CardRow
                    card={row}
                    ticked={selected.has(row.key)}
                    changed={seen.isChanged(row)}
                    onTick={() => toggle(row)}
                  />
                )}
              />
            )}
            <SelectionBar
              selected={selected.size}
              onExplained={() => select((row) => row.explained !== undefined)}
              onNone={() => setSelected(new Map())}
            />
          </div>
          <div class="split-detail">
            {card === undefined ? null : (
              <DecisionCard
                key={card.key}
                card={card}
                changed={seen.isChanged(card)}
                onDecide={act}
                onDecideOne={actOnOne}
                onIncident={setSession}
              />
            )}
          </div>
        </div>
      )}
      {session === '' || card === undefined ? null : (
        <IncidentDialog
          session={session}
          onClose={() => setSession('')}
          onCall={(reason) => {
            const [place] = card.places
            if (place !== undefined) void callIncident(place, session, reason)
          }}
        />
      )}
    </div>
  )
}
