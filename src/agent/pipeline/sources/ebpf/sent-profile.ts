import { constants, deflateRaw, inflateRawSync } from 'node:zlib'

/**
 * The commands of a profile that the kernel was sent. They are kept to be sent again, which is seldom, so they are
 * compressed beside judging: most of a profile is the automaton, and nearly all of that is zeros.
 */
export class SentProfile {
  /** Distinguishes the answer to this profile from the answer to an earlier one. */
  readonly serial: number
  #bytes: Buffer
  #isPacked = false

  constructor(commands: Buffer, serial: number) {
    this.serial = serial
    this.#bytes = commands
    deflateRaw(commands, { level: constants.Z_BEST_SPEED }, (error, packed) => {
      // Without it they stay as they are.
      if (error !== null) return
      this.#bytes = packed
      this.#isPacked = true
    })
  }

  get commands(): Buffer {
    return this.#isPacked ? inflateRawSync(this.#bytes) : this.#bytes
  }

  /** Bytes that it takes now. */
  get kept(): number {
    return this.#bytes.length
  }
}
