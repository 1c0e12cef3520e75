import type { Origin } from '../event/event-words.ts'
import type { CellSpan } from '../coverage/coverage.ts'
import { type CellKind, freshKind, grants } from './cell-kind.ts'
import { CellList } from './cell-list.ts'
import { Cell, containersApart } from './evidence.ts'
import { PackedCells, type PackedRefs } from './packed-cells.ts'
import type { ParkedEntry } from './parked-entry.ts'
import type { Phase } from './profile-entry.ts'
import type { SharedParts } from './shared-parts.ts'
import type { StoredCell } from './stored-entry.ts'

/** The evidence of one behaviour: its cells, which are packed while nobody uses them. */
export abstract class EntryEvidence {
  /** Cells that may be made before it is worth folding evidence. */
  #room = containersApart + 2
  #cells: CellList | PackedCells = new CellList()

  /** Witnesses that are remembered; undefined: as many as usual. */
  protected abstract get kept(): number | undefined

  /** To be called before there are others. */
  protected takeStored(cells: readonly StoredCell[], parts: SharedParts): void {
    this.#cells = Cell.listOf(cells, (container) => parts.text(container), this.kept)
    this.#room -= cells.length
  }

  protected storedCells(): readonly StoredCell[] {
    return Array.from(this.allCells(), (cell) => cell.stored())
  }

  /** Takes over the cells that {@link parkedCells} gave. */
  protected openCells(
    cells: ParkedEntry['cells'],
    room: number,
    refs: PackedRefs,
    parts: SharedParts,
  ): void {
    if (typeof cells === 'string') this.#cells = PackedCells.ofText(cells, refs)
    else this.takeStored(cells, parts)
    this.#room = room
  }

  /** @param refs packs the cells of all entries that are parked together */
  protected parkedCells(refs: PackedRefs): Pick<ParkedEntry, 'room' | 'cells'> {
    const list = this.#cells instanceof PackedCells ? this.#cells.open() : this.#cells.compacted()
    const packed = list.size === 0 ? undefined : PackedCells.of(list, refs)
    return { room: this.#room, cells: packed?.text ?? this.storedCells() }
  }

  /** Its cells, opened where they are packed. */
  get #list(): CellList {
    const list = this.#cells instanceof PackedCells ? this.#cells.open() : this.#cells
    list.isUsed = true
    this.#cells = list
    return list
  }

  /**
   * Packs cells that were not used since the last call; what it shows stays the same. As with {@link compact}, cells that
   * were given out before show nothing of what comes later, and nothing may be written to them.
   */
  pack(refs: PackedRefs): void {
    const list = this.#cells
    if (list instanceof PackedCells || list.size === 0) return
    if (!list.isUsed) this.#cells = PackedCells.of(list.compacted(), refs) ?? list
    list.isUsed = false
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
    // Only a list that has cells is packed.
    return this.#cells instanceof CellList && this.#cells.size === 0
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
    this.#cells = this.#list.compacted()
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
    // Cells with witnesses are never packed.
    if (this.#cells instanceof PackedCells) return []
    const list = this.#list
    const values: string[] = []
    for (let at = 0; at < list.length; at++) {
      if (list.isDropped(at) || !grants(list.kind(at))) continue
      for (const value of list.witnesses(at)?.places[place]?.texts ?? []) values.push(value)
    }
    return values
  }

  /** Of its cells; packed ones stay packed. */
  protected kinds(): readonly CellKind[] {
    return this.#cells.kinds()
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
