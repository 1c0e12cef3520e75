import { readFileSync, statSync } from 'node:fs'
import { describeError, type ErrorCode, SnugError } from '../../errors.ts'

const lookMs = 1_000

/**
 * Files that others replace while the agent runs: certificates, keys. Polled every second, because a mounted secret is
 * swapped by its folder, and no event reports that.
 */
export class WatchedFiles {
  readonly #paths: readonly string[]
  #stamp: string
  #timer: NodeJS.Timeout | undefined

  constructor(paths: readonly string[]) {
    this.#paths = paths
    this.#stamp = this.#stampNow()
  }

  /** Calls `changed` whenever one of the files is another than before. */
  watch(changed: () => void): void {
    if (this.#paths.length === 0) return
    this.#timer = setInterval(() => {
      const stamp = this.#stampNow()
      if (stamp === this.#stamp) return
      this.#stamp = stamp
      changed()
    }, lookMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #stampNow(): string {
    return this.#paths
      .map((path) => {
        const found = statSync(path, { throwIfNoEntry: false })
        return found === undefined ? 'none' : `${found.mtimeMs}:${found.size}:${found.ino}`
      })
      .join(' ')
  }
}

/** Errors: `unreadable` */
export function readWatched(path: string, unreadable: ErrorCode): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new SnugError(unreadable, `cannot read \`${path}\`: ${describeError(error)}`)
  }
}
