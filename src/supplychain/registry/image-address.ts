import { SnugError } from '../../errors.ts'

/** Where an image lies: a registry, a repository in it, and a tag or digest. */
export interface ImageAddress {
  readonly host: string
  readonly repository: string
  readonly reference: string
}

/** Where Docker Hub answers, whatever it is called in names. */
const dockerHub = 'registry-1.docker.io'

const hostPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/
const longestHost = 260
const longestRepository = 255
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^sha256:[0-9a-f]{64}$/
const repositoryPattern = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/

/**
 * A name that includes its registry: `registry.local:5000/shop/web:1`. Undefined for a short name, which only an engine
 * can resolve, and for an invalid one: names come from pods too, and become part of addresses.
 */
export function imageAddress(name: string): ImageAddress | undefined {
  const slash = name.indexOf('/')
  const named = name.slice(0, slash)
  if (slash < 1 || !(/[.:]/.test(named) || named === 'localhost')) return undefined
  const host = named === 'docker.io' ? dockerHub : named
  const rest = name.slice(slash + 1)
  const at = rest.indexOf('@')
  const tagged = at < 0 ? rest : rest.slice(0, at)
  const colon = tagged.lastIndexOf(':')
  const repository = colon < 0 ? tagged : tagged.slice(0, colon)
  const tag = colon < 0 ? 'latest' : tagged.slice(colon + 1)
  const digest = at < 0 ? undefined : rest.slice(at + 1)
  if (host.length > longestHost || repository.length > longestRepository) return undefined
  const isName =
    hostPattern.test(host) && repositoryPattern.test(repository) && tagPattern.test(tag)
  if (!isName || (digest !== undefined && !digestPattern.test(digest))) return undefined
  return { host, repository, reference: digest ?? tag }
}

/** Errors: IMAGE_UNKNOWN for a name without a registry */
export function mustHaveRegistry(name: string): ImageAddress {
  const address = imageAddress(name)
  if (address !== undefined) return address
  const how = 'name it as HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…'
  throw new SnugError('IMAGE_UNKNOWN', `\`${name}\` does not name a registry: ${how}`)
}
