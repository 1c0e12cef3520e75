import type { SourceBatch, SourceMark, SourceMessage } from '../source.ts'
import type { Decoded } from './record-decoder.ts'

/**
 * Messages in the order of the sensor, judged up to a mark: if the sensor dies, the next one reports
 * all records after the last mark again, and each counts once.
 */
export class UnmarkedMessages {
  /** Those that were not released yet. */
  readonly messages: SourceMessage[] = []
  #whole = 0
  #mark: SourceMark | undefined
  #isMarkDue = false

  /** Must be called once for each message of the sensor, after its messages were added. */
  after(decoded: Decoded): void {
    const { type } = decoded
    if (type === 'mark') {
      this.#mark = decoded.mark
      this.#whole = this.messages.length
      this.#isMarkDue = false
    } else if (type === 'event' || type === 'count-update' || type === 'container-ended') {
      this.#isMarkDue = true
    }
  }

  /** Everything up to the newest mark, or everything where no mark is due. */
  release(): { readonly batch: SourceBatch; readonly mark: SourceMark | undefined } {
    const mark = this.#mark
    const batch = this.messages.splice(0, this.#isMarkDue ? this.#whole : this.messages.length)
    this.#whole = 0
    this.#mark = undefined
    return { batch, mark }
  }
}
