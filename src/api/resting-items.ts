import { PackedJson } from '../core/packed-json.ts'
import type { Steps } from '../core/steps.ts'

/** Items of a block: it is compressed in a millisecond, and opened in less. */
const blockSize = 128

interface Block<T> {
  /** The number of its first item. */
  readonly first: number
  items: T[] | PackedJson<T[]>
  /** There was a call of {@link RestingItems.restSteps} since it was full. */
  isOld: boolean
}

/**
 * Consecutive numbers with an item each, which JSON can hold. Most are never asked for: blocks that rest are compressed,
 * to a tenth of the memory.
 */
export class RestingItems<T> {
  /** All but the last are full. */
  readonly #blocks: Block<T>[] = []
  /** The compressed block that was asked for last, as numbers are asked for one after the other. */
  #opened: { readonly block: Block<T>; readonly items: readonly T[] } | undefined

  /** @param n the number after that of the last item; of the first item any number */
  add(n: number, item: T): void {
    const last = this.#blocks.at(-1)
    if (last === undefined || n >= last.first + blockSize) {
      this.#blocks.push({ first: n, items: [item], isOld: false })
    } else if (Array.isArray(last.items)) last.items.push(item)
  }

  get(n: number): T | undefined {
    const first = this.#blocks[0]?.first
    if (first === undefined || n < first) return undefined
    const block = this.#blocks[Math.floor((n - first) / blockSize)]
    return block === undefined ? undefined : this.#itemsOf(block)[n - block.first]
  }

  /** The items before number `n` may go. */
  dropBefore(n: number): void {
    while (this.#blocks[0] !== undefined && this.#blocks[0].first + blockSize <= n) {
      this.#blocks.shift()
    }
  }

  clear(): void {
    this.#blocks.length = 0
    this.#opened = undefined
  }

  /**
   * Compresses blocks that were full at the last call already, with pauses. What a flood brings has gone again by then,
   * so that it costs nothing. A block that is passed over, as earlier ones go meanwhile, has its turn in the next call.
   */
  *restSteps(): Steps<void> {
    this.#opened = undefined
    for (const block of this.#blocks) {
      if (!Array.isArray(block.items) || block.items.length < blockSize) continue
      if (block.isOld) {
        block.items = new PackedJson(block.items, 1)
        yield
      }
      block.isOld = true
    }
  }

  #itemsOf(block: Block<T>): readonly T[] {
    if (Array.isArray(block.items)) return block.items
    if (this.#opened?.block !== block) {
      this.#opened = { block, items: block.items.open() }
    }
    return this.#opened.items
  }
}
