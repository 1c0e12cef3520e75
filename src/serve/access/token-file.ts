import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Role, roles } from '../../support/config/role.ts'
import type { View } from '../../core/view.ts'
import { describeError, SnugError } from '../../errors.ts'

export const tokenName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')

const fileSchema = z.strictObject({
  tokens: z.array(
    z.strictObject({
      name: tokenName,
      role: z.enum(roles),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      createdAt: z.iso.datetime(),
    }),
  ),
})
type TokenEntry = z.output<typeof fileSchema>['tokens'][number]

export const tokenHolder = z.object({ name: z.string(), role: z.enum(roles) })
export type TokenHolder = View<typeof tokenHolder>

/**
 * The tokens of the API, hashed, in `<data>/tokens.json`, mode 0600. Edits take effect. A damaged file admits nobody
 * over TCP, and is reported as CONFIG_INVALID.
 */
export class TokenFile {
  readonly #path: string
  #entries: readonly TokenEntry[] = []
  #stamp = ''

  constructor(path: string) {
    this.#path = path
    this.#reload()
  }

  /** On the very first start makes an admin token, kept readable in `<data>/admin.token`. */
  static open(data: string): TokenFile {
    mkdirSync(data, { recursive: true, mode: 0o700 })
    const path = join(data, 'tokens.json')
    if (!existsSync(path)) {
      writeAtomically(path, JSON.stringify({ tokens: [] }))
      const token = new TokenFile(path).create('admin', 'admin')
      writeAtomically(join(data, 'admin.token'), token)
    }
    return new TokenFile(path)
  }

  list(): readonly TokenHolder[] {
    this.#reload()
    return this.#entries.map(({ name, role }) => ({ name, role }))
  }

  /** The new token, which is shown this once. Errors: BODY_INVALID where the name is taken, or there are too many. */
  create(name: string, role: Role): string {
    this.#reload()
    if (this.#entries.some((entry) => entry.name === name)) {
      throw new SnugError('BODY_INVALID', `a token named \`${name}\` exists already`)
    }
    if (this.#entries.length >= tokensKept) {
      throw new SnugError('BODY_INVALID', `there are ${tokensKept} tokens: revoke one first`)
    }
    const token = `snug_${randomBytes(32).toString('base64url')}`
    const createdAt = new Date().toISOString()
    const sha256 = tokenDigest(token)
    this.#write([...this.#entries, { name, role, sha256, createdAt }])
    return token
  }

  /** Errors: BODY_INVALID where there is no such token. */
  remove(name: string): void {
    this.#reload()
    const rest = this.#entries.filter((entry) => entry.name !== name)
    if (rest.length === this.#entries.length) {
      throw new SnugError('BODY_INVALID', `no token is named \`${name}\``)
    }
    this.#write(rest)
  }

  /** Who holds the token with this {@link tokenDigest}. Takes the same time whichever token it is. */
  holderOf(digest: string): TokenHolder | undefined {
    this.#reload()
    const given = Buffer.from(digest, 'hex')
    if (given.length !== digestBytes) return undefined
    let holder: TokenHolder | undefined
    for (const { name, role, sha256 } of this.#entries) {
      if (timingSafeEqual(given, Buffer.from(sha256, 'hex'))) holder = { name, role }
    }
    return holder
  }

  #write(tokens: readonly TokenEntry[]): void {
    writeAtomically(this.#path, `${JSON.stringify({ tokens }, null, 2)}\n`)
    this.#reload()
  }

  #reload(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const stamp = `${mtimeMs}:${size}:${ino}`
      if (stamp === this.#stamp) return
      this.#entries = fileSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))).tokens
      this.#stamp = stamp
    } catch (error) {
      this.#entries = []
      this.#stamp = ''
      const why = error instanceof z.ZodError ? 'not a token file' : describeError(error)
      throw new SnugError('CONFIG_INVALID', `cannot use \`${this.#path}\`: ${why}`)
    }
  }
}

/** Each request is compared with all of them. */
export const tokensKept = 1_000
const digestBytes = 32

/**
 * The stored form of a token, in hex. A plain hash is enough: a token is 256 random bits, so guessing is hopeless, and
 * a slow hash would only let strangers keep the agent busy.
 */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${path}.new`, path)
}
