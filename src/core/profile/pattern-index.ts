import type { Allowance } from './allowance.ts'
import type { Patterns } from './profile-reader.ts'
import { compareText } from '../compare-text.ts'
import { groupOf } from '../behaviour/subject.ts'
import type { Widening } from '../behaviour/widening.ts'

const NONE: readonly never[] = []

/** Which of two patterns is asked first: the one with more that is literal. The same on every node. */
export function compareSpecific(a: Allowance, b: Allowance): number {
  const size = (b.shape?.literalSize ?? 0) - (a.shape?.literalSize ?? 0)
  return size || compareText(a.id, b.id)
}

export function compareBlocks(a: Allowance, b: Allowance): number {
  const length = (b.block?.length ?? 0) - (a.block?.length ?? 0)
  return length || Number(b.rejected) - Number(a.rejected) || compareText(a.id, b.id)
}

type Lists = Map<string, Allowance[]>

/** The allowances that may take more than their own object, in the order in which they are asked. */
export class PatternIndex implements Patterns {
  #rejected = 0
  readonly #refused: Lists = new Map()
  readonly #shaped: Lists = new Map()
  readonly #blocks: Lists = new Map()
  readonly #widened = new Map<string, Widening[]>()

  get anyRejected(): boolean {
    return this.#rejected > 0
  }

  refused(group: string): readonly Allowance[] {
    return this.#refused.get(group) ?? NONE
  }

  shaped(group: string): readonly Allowance[] {
    return this.#shaped.get(group) ?? NONE
  }

  blocks(group: string): readonly Allowance[] {
    return this.#blocks.get(group) ?? NONE
  }

  widened(group: string): readonly Widening[] {
    return this.#widened.get(group) ?? NONE
  }

  /** So many more of all allowances are rejected. */
  rejectedMore(count: number): void {
    this.#rejected += count
  }

  /** Puts `now` where `old` was; either may be absent. */
  replace(old: Allowance | undefined, now: Allowance | undefined): void {
    this.#rejected += Number(now?.rejected === true) - Number(old?.rejected === true)
    const olds = old === undefined ? NONE : [old, ...old.faces]
    const nows = now === undefined ? NONE : [now, ...now.faces]
    // A decision leaves most where they are: to take thousands out and put them back moves all that follow.
    const stay = nows.map((one, i) => this.#replaceInPlace(olds[i], one))
    for (const [i, one] of olds.entries()) if (stay[i] !== true) this.#remove(one)
    for (const [i, one] of nows.entries()) if (stay[i] !== true) this.#insert(one)
  }

  get widenings(): readonly Widening[] {
    return [...this.#widened.values()].flat()
  }

  widen(widenings: readonly Widening[]): void {
    this.#widened.clear()
    for (const widening of widenings) {
      const list = this.#widened.get(widening.group)
      if (list === undefined) this.#widened.set(widening.group, [widening])
      else list.push(widening)
    }
  }

  #listsOf(allowance: Allowance): Lists | undefined {
    if (allowance.block !== undefined) return this.#blocks
    if (allowance.shape === undefined) return undefined
    return allowance.rejected ? this.#refused : this.#shaped
  }

  /** Whether the new one has the place of the old one. */
  #replaceInPlace(old: Allowance | undefined, now: Allowance): boolean {
    const lists = this.#listsOf(now)
    if (old === undefined || lists === undefined || this.#listsOf(old) !== lists) return false
    const group = groupOf(now)
    if (group === undefined || groupOf(old) !== group || compareOf(now)(old, now) !== 0)
      return false
    const list = lists.get(group)
    const at = list?.lastIndexOf(old, placeIn(list, old)) ?? -1
    if (list === undefined || at < 0) return false
    list[at] = now
    return true
  }

  #insert(allowance: Allowance): void {
    const lists = this.#listsOf(allowance)
    const group = lists === undefined ? undefined : groupOf(allowance)
    if (lists === undefined || group === undefined) return
    const list = lists.get(group)
    if (list === undefined) {
      lists.set(group, [allowance])
      return
    }
    list.splice(placeIn(list, allowance), 0, allowance)
  }

  #remove(allowance: Allowance): void {
    const lists = this.#listsOf(allowance)
    const group = lists === undefined ? undefined : groupOf(allowance)
    if (lists === undefined || group === undefined) return
    const list = lists.get(group)
    if (list === undefined) return
    // Those that compare as equal come before the place.
    const at = list.lastIndexOf(allowance, placeIn(list, allowance))
    if (at >= 0) list.splice(at, 1)
    if (list.length === 0) lists.delete(group)
  }
}

function compareOf({ block }: Allowance): (a: Allowance, b: Allowance) => number {
  return block === undefined ? compareSpecific : compareBlocks
}

/** After all that are asked before it or at the same time. By halves: thousands are decided on at once. */
function placeIn(list: readonly Allowance[], allowance: Allowance): number {
  const compare = compareOf(allowance)
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    const other = list[middle]
    if (other !== undefined && compare(other, allowance) > 0) to = middle
    else from = middle + 1
  }
  return from
}
