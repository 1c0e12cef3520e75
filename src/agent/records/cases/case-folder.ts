import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import type { CaseFileView, CaseSummary } from '../../../api/case-views.ts'
import { caseFileName } from '../../../supplychain/attest/case-statement.ts'
import type { Envelope } from '../../../supplychain/attest/dsse.ts'
import { caseBounds, type CaseLine } from './case-file.ts'
import { describeError, SnugError } from '../../../errors.ts'

/** What the folder itself finds out about a case. */
export type CaseToWrite = Omit<CaseSummary, 'bytes' | 'sha256' | 'signedBy'>

export type SignCase = (summary: CaseSummary) => Promise<Envelope>

interface KeptCase {
  readonly summary: CaseSummary
  readonly signature?: Envelope
}

/** More may follow. */
export interface WrittenCase {
  readonly summary: CaseSummary
  /** Of the file so far. */
  readonly hash: Hash
}

/**
 * Evidence of containers: a compressed file for each case, and a summary beside it. Only root may read them. The oldest
 * go beyond {@link caseBounds}.
 */
export class CaseFolder {
  readonly #folder: string
  readonly #cases = new Map<string, KeptCase>()
  /** Ids whose summary cannot be read. Their files stay. */
  readonly #damaged = new Set<string>()
  #isRead: Promise<void> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Newest first. */
  async list(): Promise<readonly CaseSummary[]> {
    await this.#read()
    const found = [...this.#cases.values()].map(({ summary }) => summary)
    return found.sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  /** Errors: CASE_UNKNOWN, CASE_DAMAGED */
  async get(id: string): Promise<CaseSummary> {
    return (await this.#kept(id)).summary
  }

  async #kept(id: string): Promise<KeptCase> {
    await this.#read()
    if (this.#damaged.has(id))
      throw new SnugError('CASE_DAMAGED', `the summary of case \`${id}\` cannot be read`)
    const found = this.#cases.get(id)
    if (found === undefined) throw new SnugError('CASE_UNKNOWN', `there is no case \`${id}\``)
    return found
  }

  /** Errors: CASE_FAILED, and nothing of it stays */
  async write(
    of: CaseToWrite,
    lines: AsyncIterable<CaseLine>,
    sign?: SignCase,
  ): Promise<WrittenCase> {
    await this.#read()
    const place = this.#file(of.id)
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      const into = { lines, place, hash: createHash('sha256'), bytes: 0 }
      const { summary, hash } = await this.#add(of, into)
      return { summary: await this.#keep(summary, sign), hash }
    } catch (error) {
      await rm(place, { force: true }).catch(() => undefined)
      throw new SnugError(
        'CASE_FAILED',
        `case \`${of.id}\` was not written: ${describeError(error)}`,
      )
    }
  }

  /** Errors: CASE_FAILED, and it stays as it was written before */
  async append(
    before: WrittenCase,
    lines: AsyncIterable<CaseLine>,
    sign?: SignCase,
  ): Promise<CaseSummary> {
    const { signedBy: _, ...summaryBefore } = before.summary
    const { id, bytes } = summaryBefore
    try {
      const of = { ...summaryBefore, state: 'complete' as const }
      const into = { lines, place: this.#file(id), hash: before.hash.copy(), bytes }
      const { summary } = await this.#add(of, into)
      return await this.#keep(summary, sign)
    } catch (error) {
      throw new SnugError('CASE_FAILED', `case \`${id}\` was not ended: ${describeError(error)}`)
    }
  }

  /** Its lines. Errors: CASE_UNKNOWN, CASE_DAMAGED */
  async *lines(id: string): AsyncIterable<CaseLine> {
    await this.get(id)
    const source = createReadStream(this.#file(id))
    const unpacked = createGunzip()
    const ended = pipeline(source, unpacked).catch(() => undefined)
    try {
      for await (const line of createInterface({ input: unpacked }))
        yield JSON.parse(line) as CaseLine
    } catch (error) {
      throw new SnugError('CASE_DAMAGED', `case \`${id}\` cannot be read: ${describeError(error)}`)
    } finally {
      source.destroy()
      await ended
    }
  }

  /** The compressed file, whose digest is that of the summary. Errors: CASE_UNKNOWN, CASE_DAMAGED */
  async file(id: string): Promise<CaseFileView> {
    const { summary, signature } = await this.#kept(id)
    const { sha256, bytes } = summary
    const whole = await readFile(this.#file(id)).catch(() => Buffer.alloc(0))
    // What an append wrote before it failed is no part of the case.
    const content = whole.subarray(0, bytes)
    if (createHash('sha256').update(content).digest('hex') !== sha256)
      throw new SnugError('CASE_DAMAGED', `case \`${id}\` was changed since it was written`)
    return {
      name: caseFileName(id),
      sha256,
      content: content.toString('base64'),
      ...(signature === undefined ? {} : { signature }),
    }
  }

  /** Removes what is beyond the bounds. @returns the ids */
  async prune(nowMs: number): Promise<readonly string[]> {
    const removed: string[] = []
    let bytes = 0
    for (const [at, found] of (await this.list()).entries()) {
      bytes += found.bytes
      const isOld = nowMs - Date.parse(found.time) > caseBounds.ageMs
      if (!isOld && at < caseBounds.cases && bytes <= caseBounds.casesBytes) continue
      this.#cases.delete(found.id)
      await rm(this.#summary(found.id), { force: true })
      await rm(this.#file(found.id), { force: true })
      removed.push(found.id)
    }
    return removed
  }

  async #add(of: CaseToWrite, { lines, place, hash, bytes: before }: Into): Promise<WrittenCase> {
    let bytes = before
    const counted = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk)
        bytes += chunk.length
        done(null, chunk)
      },
    })
    const target = createWriteStream(place, {
      mode: 0o600,
      flags: before === 0 ? 'w' : 'r+',
      start: before,
    })
    await pipeline(Readable.from(textOf(lines)), createGzip(), counted, target)
    const sha256 = hash.copy().digest('hex')
    return { summary: { ...of, bytes, sha256 }, hash }
  }

  async #keep(summary: CaseSummary, sign: SignCase | undefined): Promise<CaseSummary> {
    const kept = sign === undefined ? { summary } : signed(summary, await sign(summary))
    const { id } = summary
    const place = this.#summary(id)
    // In one file, so that a signature is always about the summary that is there.
    const text = JSON.stringify({ ...kept.summary, signature: kept.signature })
    await writeFile(`${place}.new`, text, { mode: 0o600, flush: true })
    await rename(`${place}.new`, place)
    this.#cases.set(id, kept)
    return kept.summary
  }

  #read(): Promise<void> {
    this.#isRead ??= this.#readAll()
    return this.#isRead
  }

  async #readAll(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names.filter((each) => each.endsWith(summaryEnd))) {
      try {
        const text = await readFile(join(this.#folder, name), 'utf8')
        const { signature, ...found } = JSON.parse(text) as CaseSummary & KeptCase
        const state = found.state === 'collecting' ? 'cut' : found.state
        const summary = { ...found, state }
        this.#cases.set(found.id, signature === undefined ? { summary } : { summary, signature })
      } catch {
        this.#damaged.add(name.slice(0, -summaryEnd.length))
      }
    }
  }

  #file(id: string): string {
    return join(this.#folder, caseFileName(id))
  }

  #summary(id: string): string {
    return join(this.#folder, `${id}${summaryEnd}`)
  }
}

const summaryEnd = '.json'

function signed(summary: CaseSummary, signature: Envelope): KeptCase {
  const keyId = signature.signatures[0]?.keyid
  return { summary: { ...summary, ...(keyId === undefined ? {} : { signedBy: keyId }) }, signature }
}

interface Into {
  readonly lines: AsyncIterable<CaseLine>
  readonly place: string
  readonly hash: Hash
  /** That are there already. */
  readonly bytes: number
}

async function* textOf(lines: AsyncIterable<CaseLine>): AsyncIterable<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`
}
