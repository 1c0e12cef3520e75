import { imageKey } from '../../core/event/image-key.ts'
import { type FleetImage, profileName } from '../../fleet/fleet-image.ts'

/** As many different texts as all images, nodes and behaviours of a large fleet have. */
const textsKept = 200_000

/** Equal texts of many alerts and slices, each in memory once: a hundred thousand alerts name the same images. */
export class Interned {
  readonly #texts = new Map<string, string>()
  readonly #profiles = new Map<string, string>()
  readonly #lists = new Map<string, readonly string[]>()

  /** The name of the ImageProfile, which costs a hash. */
  profile(image: FleetImage): string {
    const key = imageKey(image)
    const known = this.#profiles.get(key)
    if (known !== undefined) return known
    if (this.#profiles.size >= textsKept) this.#profiles.clear()
    const name = profileName(image)
    this.#profiles.set(key, name)
    return name
  }

  list(texts: readonly string[]): readonly string[] {
    const key = JSON.stringify(texts)
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    if (this.#lists.size >= textsKept) this.#lists.clear()
    const list = texts.map((text) => this.text(text))
    this.#lists.set(key, list)
    return list
  }

  text(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    // A slice of a message would keep all of the message.
    const own = Buffer.from(text, 'utf8').toString('utf8')
    if (this.#texts.size >= textsKept) this.#texts.clear()
    this.#texts.set(own, own)
    return own
  }
}
