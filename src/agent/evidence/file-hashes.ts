import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { ActEvent, ExecutedFile } from '../../core/event/event.ts'
import { type UnhashedReason, unhashedReasons } from '../../core/event/event-words.ts'
import {
  type FileHash,
  foreignPath,
  type HashBounds,
  hashBounds,
  type HashedEvent,
  hashOf,
  hashPatience,
  type HashPatience,
} from '../../core/event/file-hash.ts'
import { tickMs } from '../../support/file-time.ts'
import type { Run } from '../pipeline/sources/source.ts'
import { type HashAnswer, HashThread } from './hash-thread.ts'

export interface FileHashesOptions {
  /** Folder of the cgroup of a container; empty where it is not known. */
  readonly cgroupOf: (container: string) => string
  /** Whether the process still runs what it executed then, by its kernel. */
  readonly runsStill: (run: Run) => Promise<boolean>
  /** Milliseconds by a clock that nobody can set. */
  readonly steady: () => number
  readonly bounds?: Partial<HashBounds>
  /** Absent: as in {@link hashPatience}. */
  readonly patience?: HashPatience
}

const minuteMs = 60_000

/**
 * The SHA-256 of what containers execute and their image did not ship.
 *
 * INVARIANT: a hash is of the content that was executed; where that is not certain there is a reason. See file-hasher.ts
 */
export class FileHashes {
  /** Executions by result. */
  readonly counts = new Map<'sha256' | UnhashedReason, number>(
    (['sha256', ...unhashedReasons] as const).map((result) => [result, 0]),
  )
  readonly #options: FileHashesOptions
  readonly #bounds: HashBounds
  readonly #patience: HashPatience
  readonly #thread = new HashThread()
  /** Of files whose time no later change can have. */
  readonly #known = new LRUCache<string, string>({ max: hashBounds.kept })
  #waiting = 0
  #minuteFromMs = -Infinity
  #minuteBytes = 0

  constructor(options: FileHashesOptions) {
    this.#options = options
    this.#bounds = { ...hashBounds, ...options.bounds }
    this.#patience = options.patience ?? hashPatience
  }

  /** Never rejects. */
  async of(event: HashedEvent): Promise<FileHash> {
    const hash = await this.#of(event)
    this.#count(hash)
    return hash
  }

  /** An event that came with its hash, or the reason why it has none. */
  countOf(event: ActEvent): void {
    const hash = hashOf(event)
    if (hash !== undefined) this.#count(hash)
  }

  #count(hash: FileHash): void {
    const result = 'sha256' in hash ? 'sha256' : hash.unhashed
    this.counts.set(result, (this.counts.get(result) ?? 0) + 1)
  }

  close(): void {
    this.#thread.close()
  }

  async #of(event: HashedEvent): Promise<FileHash> {
    const { file } = event.exec
    if (file.bytes > this.#bounds.fileBytes) return { unhashed: 'size' }
    // Of the kernel's files, which have the clock of the host.
    const lastMs = Number(BigInt(file.changed) / 1_000_000n) + tickMs
    const isTraceless = file.inMemory === true || Date.parse(event.time) < lastMs
    const known = isTraceless ? undefined : this.#known.get(keyOf(file))
    if (known !== undefined) return { sha256: known }
    if (this.#waiting >= this.#bounds.waiting) return { unhashed: 'queue' }
    this.#waiting += 1
    // After that, a further change shows in the time.
    const freshMs = Math.min(tickMs, lastMs - Date.now())
    if (freshMs > 0) await delay(freshMs)
    const answer = await this.#ask(event, isTraceless)
    this.#waiting -= 1
    this.#minuteBytes += answer.bytes ?? 0
    if (!('sha256' in answer)) return { unhashed: answer.unhashed }
    const { sha256, isCertain } = answer
    if (isCertain) this.#known.set(keyOf(file), sha256)
    else if (!(await this.#runsStill(event))) return { unhashed: 'uncertain' }
    return { sha256 }
  }

  #ask(event: HashedEvent, isTraceless: boolean): Promise<HashAnswer> {
    const { container, process, exec } = event
    return this.#thread.do(() => ({
      pid: process.pid,
      path: foreignPath(event) ?? '',
      cgroup: this.#options.cgroupOf(container.id),
      file: exec.file,
      isTraceless,
      mostBytes: this.#leftBytes(),
    }))
  }

  #runsStill({ process, exec }: HashedEvent): Promise<boolean> {
    const { executed } = exec.file
    return Promise.race([
      this.#options.runsStill({ pid: process.pid, executed }),
      delay(this.#patience.sensorMs, false, { ref: false }),
    ])
  }

  #leftBytes(): number {
    const nowMs = this.#options.steady()
    if (nowMs - this.#minuteFromMs >= minuteMs) [this.#minuteFromMs, this.#minuteBytes] = [nowMs, 0]
    return this.#bounds.minuteBytes - this.#minuteBytes
  }
}

function keyOf({ device, inode, changed }: ExecutedFile): string {
  return `${device}/${inode}/${changed}`
}
