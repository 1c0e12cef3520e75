import { type Cell, containersApart, EARLIER_CONTAINERS, EARLIER_SESSIONS } from './evidence.ts'
import type { LiveEntry } from './live-entry.ts'
import type { Sample } from '../behaviour/sample.ts'
import { type Sampled, Witnesses } from '../behaviour/witness.ts'

/** Witnesses of a kind of evidence that folding keeps at least, with the cells that show them. */
const WITNESSES_APART = 16
/** Cells that show one witness, so that it survives the removal of one of them. */
const HOLDERS = 2

export interface Folding {
  /** Only evidence of this node folds: other agents write theirs. */
  readonly node: string
  /** Nothing more is expected from this container and session. */
  readonly isOver: (cell: Cell) => boolean
}

/**
 * Adds old evidence up, so that a behaviour costs the same after a hundred thousand containers as after ten. Sessions
 * of one container fold first, then containers.
 *
 * INVARIANT: what the entry allows stays the same, and what it allows after one container is forgotten as well. A cell
 * folds only where others of its kind remain, or are in the sum, and its witnesses are shown. Counts and times add up exactly.
 */
export function foldIn(entry: LiveEntry, folding: Folding): boolean {
  let folded = false
  const sessions = [...entry.allCells()].filter(
    (cell) => cell.session !== undefined && !cell.isOfSessions,
  )
  for (const ofSessions of byContainer(sessions)) {
    if (ofSessions.length <= containersApart) continue
    for (const kind of kindsOf(ofSessions)) {
      const groups = kind.map(alone)
      if (foldOld(kind, groups, latestOf(groups), entry, folding, sessionName)) folded = true
    }
  }
  const ofContainers = [...entry.allCells()].filter((cell) => !cell.isOfEarlier)
  // Of all kinds together: after the window, what was learned is seldom among the latest.
  const latest = new Set([...latestOf(byContainer(ofContainers))].flatMap(containerOf))
  for (const kind of kindsOf(ofContainers)) {
    const groups = byContainer(kind)
    const kept = new Set(groups.filter((group) => containerOf(group).some((id) => latest.has(id))))
    if (foldOld(kind, groups, kept, entry, folding, containerName)) folded = true
  }
  entry.folded()
  return folded
}

/** Cells that allow the same where they show the same. */
function kindsOf(cells: Iterable<Cell>): Iterable<Cell[]> {
  const kinds = new Map<string, Cell[]>()
  for (const cell of cells) {
    const name = `${cell.origin} ${cell.phase} ${cell.guardrails.length > 0}`
    const kind = kinds.get(name)
    if (kind === undefined) kinds.set(name, [cell])
    else kind.push(cell)
  }
  return kinds.values()
}

/** The cell that another one is added to. */
interface Sum {
  readonly container: string
  readonly session: string | undefined
  readonly isOfEarlier: boolean
}

function sessionName({ container, guardrails }: Cell): Sum {
  return { container, session: named(EARLIER_SESSIONS, guardrails), isOfEarlier: false }
}

function containerName({ guardrails }: Cell, { node }: Folding): Sum {
  const container = named(`${EARLIER_CONTAINERS}${node}`, guardrails)
  return { container, session: undefined, isOfEarlier: true }
}

/** Evidence that tripped a guardrail allows nothing: it must not mix with other evidence. */
function named(name: string, guardrails: readonly string[]): string {
  return guardrails.length > 0 ? `${name}!` : name
}

function alone(cell: Cell): readonly Cell[] {
  return [cell]
}

function byContainer(cells: readonly Cell[]): readonly (readonly Cell[])[] {
  const groups = new Map<string, Cell[]>()
  for (const cell of cells) {
    const group = groups.get(cell.container)
    if (group === undefined) groups.set(cell.container, [cell])
    else group.push(cell)
  }
  return [...groups.values()]
}

function containerOf([cell]: readonly Cell[]): readonly string[] {
  return cell === undefined ? [] : [cell.container]
}

function latestOf(groups: readonly (readonly Cell[])[]): ReadonlySet<readonly Cell[]> {
  return new Set([...groups].sort((a, b) => lastOf(b) - lastOf(a)).slice(0, containersApart))
}

function foldOld(
  kind: readonly Cell[],
  groups: readonly (readonly Cell[])[],
  latest: ReadonlySet<readonly Cell[]>,
  entry: LiveEntry,
  folding: Folding,
  sumOf: (cell: Cell, folding: Folding) => Sum,
): boolean {
  if (groups.length + foldedIn(kind, entry, folding, sumOf) <= containersApart) return false
  const kept: (readonly Cell[])[] = []
  const old: (readonly Cell[])[] = []
  for (const group of groups) {
    const mayFold = group.every((cell) => isOwn(cell, folding) && folding.isOver(cell))
    if (mayFold && !latest.has(group)) old.push(group)
    else kept.push(group)
  }
  if (old.length === 0) return false
  const needed = new Needed(kind, kept.flat())
  let folded = false
  for (const group of old) {
    if (needed.keep(group)) continue
    for (const [i, cell] of group.entries()) {
      const { container, session, isOfEarlier } = sumOf(cell, folding)
      const sum = entry.cell(container, cell.origin, session, cell.phase)
      sum.absorb(cell, isOfEarlier && i === 0 ? 1 : 0)
      entry.dropCell(cell)
    }
    folded = true
  }
  return folded
}

/** Containers or sessions of that kind that were added up before. */
function foldedIn(
  [cell]: readonly Cell[],
  entry: LiveEntry,
  folding: Folding,
  sumOf: (cell: Cell, folding: Folding) => Sum,
): number {
  if (cell === undefined) return 0
  const { container, session } = sumOf(cell, folding)
  return entry.cellIfAny(container, cell.origin, session, cell.phase)?.containers ?? 0
}

function isOwn({ nodes }: Cell, { node }: Folding): boolean {
  return nodes.every((each) => each === node)
}

function lastOf(group: readonly Cell[]): number {
  let last = -Infinity
  for (const cell of group) last = Math.max(last, cell.last)
  return last
}

/** The witnesses of a kind of evidence that have to remain, and how many cells show each. */
class Needed {
  readonly #sampled: Witnesses | undefined
  readonly #holders = new Map<string, number>()

  constructor(kind: readonly Cell[], kept: readonly Cell[]) {
    for (const { witnesses } of kind) {
      if (witnesses === undefined) continue
      this.#sampled ??= new Witnesses(Math.min(witnesses.literals.kept, WITNESSES_APART))
      this.#sampled.merge(witnesses.toJSON())
    }
    for (const cell of kept) this.#hold(cell)
  }

  /** Whether the group has to stay for its witnesses. It then keeps only those. */
  keep(group: readonly Cell[]): boolean {
    const all = this.#sampled
    if (all === undefined || !group.some((cell) => this.#isShort(cell, all))) return false
    for (const cell of group) {
      cell.keepWitnesses((sampled, text) => sampledIn(all, sampled)?.has(text) === true)
      this.#hold(cell)
    }
    return true
  }

  #isShort({ witnesses }: Cell, all: Witnesses): boolean {
    if (witnesses === undefined) return false
    for (const [sampled, text] of witnesses.texts()) {
      if (sampledIn(all, sampled)?.has(text) !== true) continue
      if ((this.#holders.get(`${sampled} ${text}`) ?? 0) < HOLDERS) return true
    }
    return false
  }

  #hold({ witnesses }: Cell): void {
    for (const [sampled, text] of witnesses?.texts() ?? []) {
      const name = `${sampled} ${text}`
      this.#holders.set(name, (this.#holders.get(name) ?? 0) + 1)
    }
  }
}

function sampledIn(all: Witnesses, sampled: Sampled): Sample | undefined {
  return sampled === 'literals' ? all.literals : all.places[sampled]
}
