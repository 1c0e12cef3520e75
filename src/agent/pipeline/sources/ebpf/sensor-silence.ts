/**
 * The sensor reports every second. After this time without a byte it counts as hung, and is
 * replaced.
 */
const defaultSilentSeconds = 5
/** The limit before the first report: a kernel may take long to verify the programs. */
const silentAtStartSeconds = 300

/**
 * Detects a hung sensor. It counts seconds in which this process listened and received nothing,
 * instead of elapsed time: a stopped or busy process does not listen.
 */
export class SensorSilence {
  isHang = false
  readonly #timer: NodeJS.Timeout
  #seconds = 0
  readonly #silentSeconds: number
  limitSeconds: number
  #listens = true

  constructor(onHang: () => void, silentSeconds = defaultSilentSeconds) {
    this.#silentSeconds = silentSeconds
    this.limitSeconds = Math.max(silentAtStartSeconds, silentSeconds)
    this.#timer = setInterval(() => {
      if (!this.#listens || this.isHang) return
      this.#seconds += 1
      if (this.#seconds < this.limitSeconds) return
      this.isHang = true
      onHang()
    }, 1_000)
  }

  /** Data arrived and is being judged now. */
  broken(): void {
    this.#seconds = 0
    this.limitSeconds = this.#silentSeconds
    this.#listens = false
  }

  listen(): void {
    this.#listens = true
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
