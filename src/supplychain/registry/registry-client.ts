import { createHash } from 'node:crypto'
import { SnugError } from '../../errors.ts'
import type { Credentials } from './credentials.ts'
import { isFollowed, isTokenService } from './registry-place.ts'

export interface RegistryOptions {
  readonly host: string
  /** Without TLS: for registries on loopback and in tests. */
  readonly plainHttp?: boolean
  readonly credentials?: Credentials
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
}

const timeoutMs = 20_000
/** A limit for responses: their content is untrusted. */
const maxBytes = 64 << 20
const tokenBytes = 64 << 10
/** Of one list of referrers. */
const maxPages = 8
/** Content is kept elsewhere by many registries. */
const maxRedirects = 3

export const manifestTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  docker: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

/**
 * One registry, by the OCI distribution specification. Errors: REGISTRY_FAILED; IMAGE_INVALID for content that is too
 * large
 */
export class RegistryClient {
  readonly #options: RegistryOptions
  readonly #base: string
  /** Tokens, by their scope. */
  readonly #tokens = new Map<string, string>()

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#base = `${options.plainHttp === true ? 'http' : 'https'}://${options.host}`
  }

  /** A manifest by tag or digest; undefined where there is none. */
  async manifest(
    repository: string,
    reference: string,
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array } | undefined> {
    const accept = Object.values(manifestTypes).join(', ')
    const path = `/v2/${repository}/manifests/${reference}`
    const answer = await this.#ask('GET', path, { headers: { accept } }, [404])
    if (answer.status === 404) return undefined
    const bytes = await bodyOf(answer)
    const digest = digestOf(bytes)
    if (reference.startsWith('sha256:') && digest !== reference) throw changed(reference)
    const mediaType = answer.headers.get('content-type')?.split(';')[0] ?? manifestTypes.manifest
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
  }

  /**
   * The pages of the list of a manifest's referrers, each an index; undefined where the registry has no such list.
   */
  async referrers(repository: string, digest: string): Promise<readonly Uint8Array[] | undefined> {
    const pages: Uint8Array[] = []
    let path: string | undefined = `/v2/${repository}/referrers/${digest}`
    while (path !== undefined) {
      const answer = await this.#ask('GET', path, {}, [404])
      const isIndex = answer.headers.get('content-type')?.startsWith(manifestTypes.index) === true
      if (answer.status === 404 || !isIndex) {
        await answer.body?.cancel()
        return pages.length === 0 ? undefined : pages
      }
      if (pages.length === maxPages) {
        throw new SnugError('ATTESTATION_INVALID', `more than ${maxPages} pages list its referrers`)
      }
      pages.push(await bodyOf(answer))
      path = nextPage(answer.headers.get('link'), new URL(path, this.#base))
    }
    return pages
  }

  /** Undefined where there is none. */
  async blob(repository: string, digest: string): Promise<Uint8Array | undefined> {
    const answer = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`, {}, [404])
    if (answer.status === 404) return undefined
    const bytes = await bodyOf(answer)
    if (digestOf(bytes) !== digest) throw changed(digest)
    return bytes
  }

  async putBlob(repository: string, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes)
    const descriptor = { mediaType, digest, size: bytes.length }
    const path = `/v2/${repository}/blobs/${digest}`
    if ((await this.#ask('HEAD', path, {}, [404])).status !== 404) return descriptor
    const begun = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, {})
    const place = new URL(begun.headers.get('location') ?? '', this.#base)
    place.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    // An upload may be sent to another place of the same registry.
    await this.#ask('PUT', place.href, { headers, body: bytes })
    return descriptor
  }

  /** True if the registry reports that it maintains the subject's list of referrers itself. */
  async putManifest(
    repository: string,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  ): Promise<boolean> {
    const { mediaType, bytes } = manifest
    const path = `/v2/${repository}/manifests/${reference}`
    const headers = { 'content-type': mediaType }
    const answer = await this.#ask('PUT', path, { headers, body: bytes })
    return answer.headers.get('oci-subject') !== null
  }

  async #ask(
    method: string,
    path: string,
    init: { readonly headers?: Record<string, string>; readonly body?: Uint8Array },
    alsoGood: readonly number[] = [],
  ): Promise<Response> {
    const url = new URL(path, this.#base)
    const ours = url.host === this.#options.host
    const first = await this.#send(
      method,
      url,
      init,
      ours ? this.#tokens.get(url.pathname) : undefined,
    )
    const challenge = first.headers.get('www-authenticate')
    const direct =
      first.status === 401 && challenge !== null && ours
        ? await this.#send(method, url, init, await this.#answerTo(challenge, url))
        : first
    const answer = await this.#followed(method, direct, url)
    if (answer.ok || alsoGood.includes(answer.status)) return answer
    // Another place's text is not for the author of a pod, who may have chosen that place.
    const words = answer === direct ? (await answer.text().catch(() => '')).slice(0, 300) : ''
    await answer.body?.cancel().catch(() => undefined)
    throw new SnugError(
      'REGISTRY_FAILED',
      `\`${this.#options.host}\` answered ${answer.status} to ${method} ${url.pathname}: ${words}`,
    )
  }

  /** Reads what the registry keeps elsewhere, without credentials. */
  async #followed(method: string, first: Response, from: URL): Promise<Response> {
    let answer = first
    let url = from
    for (let left = maxRedirects; isRedirect(answer); left--) {
      const to = new URL(answer.headers.get('location') ?? '', url)
      await answer.body?.cancel()
      if (method !== 'GET' && method !== 'HEAD') throw this.#refused(`redirects ${method}`)
      if (left === 0) throw this.#refused('redirects without end')
      if (!isFollowed(to, new URL(this.#base))) throw this.#refused(`redirects to \`${to.origin}\``)
      url = to
      answer = await this.#send(method, url, {}, undefined)
    }
    return answer
  }

  #refused(what: string): SnugError {
    return new SnugError('REGISTRY_FAILED', `\`${this.#options.host}\` ${what}: not followed`)
  }

  async #send(
    method: string,
    url: URL,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Uint8Array },
    authorization: string | undefined,
  ): Promise<Response> {
    try {
      return await fetch(url, {
        method,
        redirect: 'manual',
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(body === undefined ? {} : { body: Buffer.from(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
    } catch (cause) {
      throw new SnugError('REGISTRY_FAILED', `cannot reach \`${this.#options.host}\``, { cause })
    }
  }

  /** A token from the registry's token service, or the name and password themselves. */
  async #answerTo(challenge: string, url: URL): Promise<string | undefined> {
    const { credentials } = this.#options
    const basic = credentials === undefined ? undefined : `Basic ${credentials.basic}`
    if (!/^bearer /i.test(challenge)) return basic
    const field = (name: string): string | undefined =>
      new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1]
    const realm = new URL(field('realm') ?? '', this.#base)
    if (!isTokenService(realm, url)) {
      throw this.#refused(`names \`${realm.origin}\` as its token service, outside of its domain`)
    }
    for (const name of ['service', 'scope']) {
      const value = field(name)
      if (value !== undefined) realm.searchParams.set(name, value)
    }
    const answer = await this.#send('GET', realm, {}, basic)
    const { token, access_token: other } = await tokenIn(answer)
    const given = token ?? other
    if (given === undefined) return basic
    this.#tokens.set(url.pathname, `Bearer ${given}`)
    return `Bearer ${given}`
  }
}

async function tokenIn(answer: Response): Promise<{ token?: string; access_token?: string }> {
  try {
    const value: unknown = JSON.parse((await bodyOf(answer, tokenBytes)).toString('utf8'))
    const text = (name: string): string | undefined => {
      const found: unknown = Reflect.get(value as object, name)
      return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined
    }
    const [token, other] = [text('token'), text('access_token')]
    return { ...(token === undefined ? {} : { token }), ...(other ? { access_token: other } : {}) }
  } catch {
    return {}
  }
}

function isRedirect({ status, headers }: Response): boolean {
  return status >= 300 && status < 400 && headers.has('location')
}

/** The path of the next page, as RFC 5988 has it; only at the same place. */
function nextPage(link: string | null, at: URL): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1]
  if (target === undefined) return undefined
  const next = new URL(target, at)
  return next.origin === at.origin ? `${next.pathname}${next.search}` : undefined
}

async function bodyOf(answer: Response, most: number = maxBytes): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body ?? []) {
    const bytes = part as Uint8Array
    size += bytes.length
    if (size > most) {
      throw new SnugError('IMAGE_INVALID', `the content is larger than ${most} bytes`)
    }
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function changed(digest: string): SnugError {
  return new SnugError(
    'REGISTRY_FAILED',
    `the content that it sent for ${digest} has another digest`,
  )
}
