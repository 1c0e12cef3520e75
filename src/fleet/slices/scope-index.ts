import { imageKey } from '../../core/event/image-key.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type {
  PublishedScope,
  PublishedScopes,
} from '../../agent/records/versions/version-registry.ts'
import type { FleetImage } from '../fleet-image.ts'
import type { SliceHead } from './slice-head.ts'

interface IndexedSlice {
  readonly image: FleetImage
  readonly name: string
  readonly head: SliceHead
  readonly entries: readonly ProfileEntry[]
}

interface Image {
  revision: number
  /** Scope → name → slice. */
  readonly scopes: Map<string, Map<string, IndexedSlice>>
  read: PublishedScopes | undefined
}

/** Slices of other nodes that have a scope, by image. */
export class ScopeIndex {
  readonly #images = new Map<string, Image>()
  #revision = 0

  came(slice: IndexedSlice): void {
    const { scope } = slice.image
    if (scope === undefined) return
    const key = keyOf(slice.image)
    const image = this.#images.get(key) ?? { revision: 0, scopes: new Map(), read: undefined }
    this.#images.set(key, image)
    const slices = image.scopes.get(scope) ?? new Map<string, IndexedSlice>()
    image.scopes.set(scope, slices)
    slices.set(slice.name, slice)
    this.#changed(image)
  }

  went({ image: { scope, ...rest }, name }: IndexedSlice): void {
    const image = this.#images.get(keyOf(rest))
    if (scope === undefined || image?.scopes.get(scope)?.delete(name) !== true) return
    this.#changed(image)
  }

  of(image: FleetImage): PublishedScopes {
    const known = this.#images.get(keyOf(image))
    if (known === undefined) return nothing
    known.read ??= { revision: known.revision, scopes: [...settled(known.scopes)] }
    return known.read
  }

  #changed(image: Image): void {
    this.#revision += 1
    image.revision = this.#revision
    image.read = undefined
  }
}

const nothing: PublishedScopes = { revision: 0, scopes: [] }

function keyOf({ repository, digest }: FleetImage): string {
  return imageKey({ repository, digest })
}

/** A window that is open is no evidence yet: what it shows may be what it should not. */
function* settled(scopes: Image['scopes']): Iterable<PublishedScope> {
  for (const [scope, slices] of scopes) {
    const all = [...slices.values()]
    if (!all.some(({ head }) => head.learnedAt !== undefined)) continue
    const entries = new Map<BehaviourId, ProfileEntry[]>()
    for (const entry of all.flatMap((slice) => slice.entries)) {
      const known = entries.get(entry.id)
      if (known === undefined) entries.set(entry.id, [entry])
      else known.push(entry)
    }
    yield { scope, entries }
  }
}
