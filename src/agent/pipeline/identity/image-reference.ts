import { canonicalRepository } from '../../../core/event/canonical.ts'

/** The name of an image: `repository[:tag][@digest]`. */
export interface ImageReference {
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

const idPattern = /^(?:sha256:)?[0-9a-f]{12,64}$/

/** Undefined if an image was named by its id, which does not include a repository. */
export function parseImageReference(text: string): ImageReference | undefined {
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  const named = at === -1 ? text : text.slice(0, at)
  if (named === '' || (digest === undefined && idPattern.test(named))) return undefined
  // A colon before the last slash belongs to the registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = colon === -1 ? named : named.slice(0, colon)
  // A name without a tag is `latest` to the engine; with a digest it has none.
  const tag = colon === -1 ? (digest === undefined ? 'latest' : undefined) : named.slice(colon + 1)
  return {
    repository: canonicalRepository(repository),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}
