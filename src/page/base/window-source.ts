import { ask, Problem } from './api.ts'

/** A window of a long list, as the agent answers it. */
export interface WindowAnswer {
  readonly total: number
  readonly offset: number
}

export const pageRows = 100
/** Pages kept beside the visible ones; the least recently requested are dropped. */
const pagesKept = 30
/** A flight over the list asks for nothing until it slows down. */
const settleMs = 40
/** After an answer that did not come. */
const retryMs = 2_000

/**
 * A list that is too long for memory: it requests the pages in view, and drops the others.
 *
 * @param onChange a page arrived, for the first time or again
 */
export class WindowSource<Row, Answer extends WindowAnswer> {
  readonly #pathOf: (offset: number, limit: number) => string
  readonly #rowsOf: (answer: Answer) => readonly Row[]
  readonly #onChange: (answer: Answer | undefined, problem: Problem | undefined) => void
  readonly #pages = new Map<number, readonly Row[]>()
  readonly #asked = new Map<number, AbortController>()
  /** Requested before something changed. */
  readonly #stale = new Set<number>()
  #wanted: readonly number[] = [0]
  #timer: number | undefined
  #closed = false

  constructor(
    pathOf: (offset: number, limit: number) => string,
    rowsOf: (answer: Answer) => readonly Row[],
    onChange: (answer: Answer | undefined, problem: Problem | undefined) => void,
  ) {
    this.#pathOf = pathOf
    this.#rowsOf = rowsOf
    this.#onChange = onChange
  }

  row(index: number): Row | undefined {
    return this.#pages.get(Math.floor(index / pageRows))?.[index % pageRows]
  }

  /** These rows are in view now. */
  look(from: number, to: number): void {
    const first = Math.floor(Math.max(0, from) / pageRows)
    const last = Math.floor(Math.max(0, to) / pageRows)
    this.#wanted = Array.from({ length: last - first + 1 }, (_, i) => first + i)
    if (this.#wanted.every((page) => this.#pages.has(page) || this.#asked.has(page))) return
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => this.#ask(), settleMs)
  }

  /** Requests the pages in view again; the old rows stay until the answer arrives. */
  refresh(): void {
    for (const page of this.#pages.keys())
      if (!this.#wanted.includes(page)) this.#pages.delete(page)
    // Pending requests were sent before the change: repeat them when they are answered.
    for (const page of this.#asked.keys()) this.#stale.add(page)
    this.#ask(true)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const controller of this.#asked.values()) controller.abort()
  }

  #ask(again = false): void {
    for (const [page, controller] of this.#asked) {
      if (this.#wanted.includes(page)) continue
      controller.abort()
      this.#asked.delete(page)
    }
    for (const page of this.#wanted) {
      if (this.#asked.has(page) || (!again && this.#pages.has(page))) continue
      void this.#load(page)
    }
  }

  async #load(page: number): Promise<void> {
    const controller = new AbortController()
    this.#asked.set(page, controller)
    this.#stale.delete(page)
    const isOver = (): boolean => this.#closed || controller.signal.aborted
    try {
      const path = this.#pathOf(page * pageRows, pageRows)
      const answer = await ask<Answer>(path, { signal: controller.signal })
      if (isOver()) return
      this.#asked.delete(page)
      this.#keep(page, this.#rowsOf(answer))
      this.#onChange(answer, undefined)
      if (this.#stale.has(page)) void this.#load(page)
    } catch (error) {
      if (isOver()) return
      this.#asked.delete(page)
      if (!(error instanceof Problem)) throw error
      this.#onChange(undefined, error)
      clearTimeout(this.#timer)
      this.#timer = window.setTimeout(() => this.#ask(true), retryMs)
    }
  }

  #keep(page: number, rows: readonly Row[]): void {
    // The latest last: the first is the one to let go of.
    this.#pages.delete(page)
    this.#pages.set(page, rows)
    for (const old of this.#pages.keys()) {
      if (this.#pages.size <= pagesKept) break
      if (!this.#wanted.includes(old)) this.#pages.delete(old)
    }
  }
}
