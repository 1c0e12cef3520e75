import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signedCase, verifiedCase } from '../../../../src/supplychain/attest/case-statement.ts'
import { fileSigner, trustedKey } from '../../../../src/supplychain/attest/keys.ts'
import { caseBounds, type CaseLine } from '../../../../src/agent/records/cases/case-file.ts'
import {
  CaseFolder,
  type CaseToWrite,
  type SignCase,
} from '../../../../src/agent/records/cases/case-folder.ts'
import { keyPair } from '../../../fixtures/key-pair.ts'

const time = '2026-11-24T13:40:27.000Z'
const about = (id: string): CaseToWrite => ({
  id,
  state: 'collecting',
  time,
  node: 'n1',
  by: 'anna',
  reason: 'a web shell',
  container: { id: 'c1' },
})
async function* notes(...texts: readonly string[]): AsyncIterable<CaseLine> {
  for (const text of texts) yield { type: 'note', text }
}
async function textsOf(folder: CaseFolder, id: string): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const line of folder.lines(id)) if (line.type === 'note') texts.push(line.text)
  return texts
}

let root: string
const place = (): string => join(root, 'cases')

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-cases-')
})
afterEach(() => rmSync(root, { recursive: true }))

describe('a folder of cases', () => {
  it('has what was written and what followed, in a file that other tools read, with its digest', async () => {
    const folder = new CaseFolder(place())
    const written = await folder.write(about('01A'), notes('one', 'two'))
    expect(await textsOf(folder, '01A')).toEqual(['one', 'two'])
    const ended = await folder.append(written, notes('three'))
    expect(ended).toMatchObject({ state: 'complete' })
    expect(await textsOf(folder, '01A')).toEqual(['one', 'two', 'three'])
    const file = Buffer.from((await folder.file('01A')).content, 'base64')
    expect(ended.sha256).toBe(createHash('sha256').update(file).digest('hex'))
    expect(ended.sha256).not.toBe(written.summary.sha256)
    expect(gunzipSync(file).toString().split('\n')).toHaveLength(4)
    expect(statSync(place()).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(place()))
      expect(statSync(join(place(), name)).mode & 0o777).toBe(0o600)
  })

  it('has them for the next agent too, and says which were cut', async () => {
    const before = new CaseFolder(place())
    await before.append(await before.write(about('01A'), notes('one')), notes('two'))
    await before.write(about('01B'), notes('one'))
    const folder = new CaseFolder(place())
    expect((await folder.list()).map(({ id, state }) => [id, state])).toEqual([
      ['01B', 'cut'],
      ['01A', 'complete'],
    ])
    expect(await textsOf(folder, '01B')).toEqual(['one'])
  })

  it('gives no file that was changed, and knows no other ids', async () => {
    const folder = new CaseFolder(place())
    await folder.write(about('01A'), notes('one'))
    const file = join(place(), '01A.ndjson.gz')
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(12) ^ 1, 12)
    writeFileSync(file, bytes)
    await expect(folder.file('01A')).rejects.toMatchObject({ code: 'CASE_DAMAGED' })
    await expect(textsOf(folder, '01A')).rejects.toMatchObject({ code: 'CASE_DAMAGED' })
    await expect(folder.get('../01A')).rejects.toMatchObject({ code: 'CASE_UNKNOWN' })
  })

  it('has a signature of each state of a case, also for the next agent', async () => {
    const { privateKey, publicKey } = keyPair()
    const [key, pub] = [join(root, 'key.pem'), join(root, 'pub.pem')]
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(pub, publicKey.export({ type: 'spki', format: 'pem' }))
    const [signer, trusted] = [fileSigner(key), trustedKey(pub)]
    const sign: SignCase = (summary) => signedCase(summary, signer, Date.parse(time))
    const shown = async (folder: CaseFolder) => {
      const { content, signature } = await folder.file('01A')
      if (signature === undefined) throw new Error('it is not signed')
      return verifiedCase(Buffer.from(content, 'base64'), signature, { keys: [trusted] }).content
    }
    const folder = new CaseFolder(place())
    const written = await folder.write(about('01A'), notes('one'), sign)
    expect(written.summary.signedBy).toBe(trusted.id)
    const { signedBy: _, ...first } = written.summary
    expect(await shown(folder)).toEqual(first)
    const { signedBy, ...ended } = await folder.append(written, notes('two'), sign)
    expect(signedBy).toBe(trusted.id)
    expect(await shown(new CaseFolder(place()))).toEqual(ended)
    // A key that is taken out of the config signs nothing more.
    const bare = await folder.append(await folder.write(about('01B'), notes('one'), sign), notes())
    expect(bare).not.toHaveProperty('signedBy')
    expect(await folder.file('01B')).not.toHaveProperty('signature')
  })

  it('goes on where the summary of one cannot be read', async () => {
    await new CaseFolder(place()).write(about('01A'), notes('one'))
    writeFileSync(join(place(), '01B.json'), '{"id":')
    const folder = new CaseFolder(place())
    expect((await folder.list()).map(({ id }) => id)).toEqual(['01A'])
    await expect(folder.get('01B')).rejects.toMatchObject({ code: 'CASE_DAMAGED' })
    await folder.write(about('01C'), notes('two'))
    expect(await textsOf(folder, '01C')).toEqual(['two'])
  })

  it('leaves nothing of a case that fails', async () => {
    const folder = new CaseFolder(place())
    async function* failing(): AsyncIterable<CaseLine> {
      yield { type: 'note', text: 'x'.repeat(1_000_000) }
      throw new Error('the disk is full')
    }
    await expect(folder.write(about('01A'), failing())).rejects.toMatchObject({
      code: 'CASE_FAILED',
    })
    expect(readdirSync(place())).toEqual([])
    // What followed is no part of the case where it could not be written.
    const written = await folder.write(about('01B'), notes('one'))
    await expect(folder.append(written, failing())).rejects.toMatchObject({ code: 'CASE_FAILED' })
    expect(
      createHash('sha256')
        .update((await folder.file('01B')).content, 'base64')
        .digest('hex'),
    ).toBe(written.summary.sha256)
  })

  it('removes the oldest beyond its bounds', async () => {
    const folder = new CaseFolder(place())
    const ids = Array.from(
      { length: caseBounds.cases + 2 },
      (_, n) => `01${String(n).padStart(3, '0')}`,
    )
    for (const id of ids) await folder.write(about(id), notes(id))
    expect(await folder.prune(Date.parse(time))).toEqual(['01001', '01000'])
    expect(readdirSync(place())).toHaveLength(2 * caseBounds.cases)
    expect(await folder.prune(Date.parse(time) + caseBounds.ageMs + 1)).toHaveLength(
      caseBounds.cases,
    )
    expect(readdirSync(place())).toEqual([])
  })
})
