import type { Origin } from '../event/event-words.ts'
import type { CellSpan } from '../coverage/coverage.ts'
import { type CellKind, freshKind, grants } from './cell-kind.ts'
import { CellList } from './cell-list.ts'
import { Cell, containersApart } from './evidence.ts'
import type { Phase } from './profile-entry.ts'
import type { SharedParts } from './shared-parts.ts'
import type { StoredCell } from './stored-entry.ts'

/** The evidence of one behaviour: its cells. */
export abstract class EntryEvidence {
  /** Cells that may be made before it is worth folding evidence. */
  #room = containersApart + 2
  #list = new CellList()

  /** Witnesses that are remembered; undefined: as many as usual. */
  protected abstract get kept(): number | undefined

  /** To be called before there are others. */
  protected takeStored(cells: readonly StoredCell[], parts: SharedParts): void {
    this.#list = Cell.listOf(cells, (container) => parts.text(container), this.kept)
    this.#room -= cells.length
  }

  protected storedCells(): readonly StoredCell[] {
    return Array.from(this.allCells(), (cell) => cell.stored())
  }

  cell(container: string, origin: Origin, session: string | undefined, phase: Phase): Cell {
    const list = this.#list
    let at = list.find(container, origin, session, phase)
    if (at === undefined) {
      at = list.add(container, freshKind(origin, session, phase))
      this.#room -= 1
    }
    return new Cell(list, at, this.kept)
  }

  /** The cell of that name; undefined where there is none. */
  cellIfAny(
    container: string,
    origin: Origin,
    session: string | undefined,
    phase: Phase,
  ): Cell | undefined {
    const list = this.#list
    const at = list.find(container, origin, session, phase)
    return at === undefined ? undefined : new Cell(list, at, this.kept)
  }

  cellsOf(container: string): readonly Cell[] {
    const list = this.#list
    return list.of(container).map((at) => new Cell(list, at, this.kept))
  }

  isShownBy(container: string): boolean {
    return this.#list.of(container).length > 0
  }

  get isWithoutEvidence(): boolean {
    return this.#list.size === 0
  }

  /** It is worth folding old evidence: there is half as much again as after the last time. */
  get isCrowded(): boolean {
    return this.#room <= 0
  }

  folded(): void {
    this.#room = Math.max(containersApart, Math.ceil(this.#list.size / 2))
    this.compact()
  }

  /** Its place in the list goes with {@link compact}. */
  dropCell(cell: Cell): void {
    this.#list.drop(cell.at)
  }

  /** Cells that were given out before stay as they are, and show nothing of what comes later. */
  compact(): void {
    this.#list = this.#list.compacted()
  }

  *allCells(): Iterable<Cell> {
    const list = this.#list
    const kept = this.kept
    for (let at = 0; at < list.length; at++) {
      if (!list.isDropped(at)) yield new Cell(list, at, kept)
    }
  }

  /** Those of some kinds. */
  protected cellsThat(are: (kind: CellKind) => boolean): readonly Cell[] {
    const list = this.#list
    const cells: Cell[] = []
    for (let at = 0; at < list.length; at++) {
      if (are(list.kind(at)) && !list.isDropped(at)) cells.push(new Cell(list, at, this.kept))
    }
    return cells
  }

  /** What evidence that allows it shows at a place of its shape. */
  valuesAt(place: number): readonly string[] {
    const list = this.#list
    const values: string[] = []
    for (let at = 0; at < list.length; at++) {
      if (list.isDropped(at) || !grants(list.kind(at))) continue
      for (const value of list.witnesses(at)?.places[place]?.texts ?? []) values.push(value)
    }
    return values
  }

  protected kinds(): readonly CellKind[] {
    return this.#list.kinds()
  }

  /** The container that alone showed it, and when, by the evidence of the service itself; else undefined. */
  onlyContainer(): CellSpan | undefined {
    const list = this.#list
    let container: string | undefined
    let first = Infinity
    let last = -Infinity
    for (let at = 0; at < list.length; at++) {
      if (list.isDropped(at) || !isOwn(list.kind(at))) continue
      const one = list.container(at)
      if ((container !== undefined && container !== one) || list.containers(at) > 1)
        return undefined
      container = one
      first = Math.min(first, list.first(at))
      last = Math.max(last, list.last(at))
    }
    return container === undefined ? undefined : { container, first, last }
  }
}

/**
 * Exec sessions do not belong to the service, and behaviour that follows from the image shows nothing about the unseen.
 */
export function isOwn({ origin, phase }: Pick<CellKind, 'origin' | 'phase'>): boolean {
  return origin !== 'exec-in' && phase !== 'derived'
}
