import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { caseBounds, type CaseLine } from '../../../src/agent/records/cases/case-file.ts'
import { changedFiles } from '../../../src/agent/evidence/file-reader.ts'
import { addressOf } from '../../../src/agent/evidence/process-reader.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-changed-')
  mkdirSync(join(root, 'upper/opt'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true }))

async function linesOf(bytes: number = caseBounds.filesBytes): Promise<readonly CaseLine[]> {
  const lines: CaseLine[] = []
  for await (const line of changedFiles(join(root, 'upper'), { bytes })) lines.push(line)
  return lines
}

it('captures what a container changed with its bytes, and follows no link out of it', async () => {
  const content = Buffer.alloc(600_000, 'malware')
  writeFileSync(join(root, 'upper/opt/tool'), content)
  writeFileSync(join(root, 'secret'), 'of the host')
  symlinkSync(join(root, 'secret'), join(root, 'upper/link'))
  symlinkSync(root, join(root, 'upper/folder'))
  const lines = await linesOf()
  const files = lines.flatMap((line) => (line.type === 'file' ? [line.file] : []))
  const sha256 = createHash('sha256').update(content).digest('hex')
  expect(files).toMatchObject([{ path: '/opt/tool', bytes: content.length, sha256 }])
  const parts = lines.flatMap((line) => (line.type === 'content' ? [line.data] : []))
  expect(parts).toHaveLength(3)
  expect(Buffer.concat(parts.map((data) => Buffer.from(data, 'base64')))).toEqual(content)
  expect(JSON.stringify(lines)).not.toContain(Buffer.from('of the host').toString('base64'))
})

it('names what it does not hold, and why', async () => {
  writeFileSync(join(root, 'upper/large'), '')
  truncateSync(join(root, 'upper/large'), caseBounds.fileBytes + 1)
  for (const name of ['first', 'second'])
    writeFileSync(join(root, 'upper/opt', name), 'x'.repeat(90))
  const files = (await linesOf(100)).flatMap((line) => (line.type === 'file' ? [line.file] : []))
  const small = files.filter(({ bytes }) => bytes === 90).map(({ omitted }) => omitted)
  expect(small).toEqual([undefined, expect.stringContaining('bytes in all')])
  expect(files.filter(({ path }) => path === '/large')).toMatchObject([
    { omitted: expect.stringContaining('larger') },
  ])
})

it('says where a container changed more files than a case has', async () => {
  for (let n = 0; n <= caseBounds.files; n++) writeFileSync(join(root, `upper/opt/${n}`), '')
  const lines = await linesOf()
  expect(lines.filter(({ type }) => type === 'file')).toHaveLength(caseBounds.files)
  expect(lines.at(-1)).toMatchObject({ type: 'note' })
})

it('reads addresses as the kernel writes them', () => {
  expect(addressOf('0100007F:1F90')).toBe('127.0.0.1:8080')
  expect(addressOf('00000000000000000000000001000000:0016')).toBe('[::1]:22')
  expect(addressOf('0000000000000000FFFF00000100007F:0050')).toBe('[::ffff:7f00:1]:80')
})
