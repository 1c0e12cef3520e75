import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileHash, HashBounds } from '../../../src/core/event/file-hash.ts'
import { FileHashes } from '../../../src/agent/evidence/file-hashes.ts'
import { execution, RunningProgram, sha256Of } from '../../fixtures/executed-file.ts'

let root: string
let hashes: FileHashes
let steadyMs: number
/** What the kernel answers. */
let runs: boolean

function make(bounds: Partial<HashBounds> = {}): FileHashes {
  const options = { cgroupOf: () => '', runsStill: async () => runs, steady: () => steadyMs }
  return new FileHashes({ ...options, bounds })
}

beforeEach(() => {
  root = mkdtempSync('/var/tmp/snug-hashes-')
  steadyMs = 0
  runs = true
  hashes = make()
})
afterEach(() => {
  hashes.close()
  rmSync(root, { recursive: true })
})

function written(name: string, content = name): string {
  const path = join(root, name)
  mkdirSync(join(path, '../engine'), { recursive: true })
  writeFileSync(path, content)
  return path
}

describe('the hash of what was executed', () => {
  it('is that of the file below the root of its container', async () => {
    const path = written('folder/tool', 'x'.repeat(3_000_000))
    expect(await hashes.of(execution(path))).toEqual({ sha256: sha256Of(path) })
    expect(hashes.counts.get('sha256')).toBe(1)
  })

  it('is not that of a file behind a link', async () => {
    const path = written('secret')
    const event = execution(path)
    renameSync(path, join(root, 'elsewhere'))
    symlinkSync(join(root, 'elsewhere'), path)
    expect(await hashes.of(event)).toEqual({ unhashed: 'ended' })
    mkdirSync(join(root, 'real'))
    const inside = written('real/tool')
    symlinkSync(join(root, 'real'), join(root, 'linked'))
    const linked = execution(inside)
    const exec = { ...linked.exec, path: join(root, 'linked/tool') }
    expect(await hashes.of({ ...linked, exec })).toEqual({ unhashed: 'ended' })
  })

  it.each([
    ['another time', { changed: '1700000000000000000' }, 'changed'],
    ['another number', { inode: '1' }, 'changed'],
    ['another device', { device: 1 }, 'changed'],
    ['another size', { bytes: 3 }, 'changed'],
  ] as const)('is missing where the file at its path has %s', async (_, change, unhashed) => {
    expect(await hashes.of(execution(written('tool'), change))).toEqual({ unhashed })
  })

  it('is missing where a change after the execution could have the same time', async () => {
    const path = written('tool')
    expect(await hashes.of(execution(path, {}, { sinceMs: 5 }))).toEqual({ unhashed: 'uncertain' })
    expect(await hashes.of(execution(path, { inMemory: true }))).toEqual({ unhashed: 'uncertain' })
  })

  it('is that of the program which a process still runs, though its name is gone since', async () => {
    await using program = await RunningProgram.start(root)
    const { path, pid } = program
    const event = execution(path, {}, { pid, sinceMs: 5 })
    const sha256 = sha256Of(path)
    unlinkSync(path)
    expect(await hashes.of(event)).toEqual({ sha256 })
    runs = false
    expect(await hashes.of(event)).toEqual({ unhashed: 'uncertain' })
  })

  it('is that of the script and not of the interpreter that runs it', async () => {
    await using program = await RunningProgram.start(root)
    const { pid } = program
    const path = written('script', '#!/bin/sh\n')
    const event = execution(path, { script: true }, { pid })
    const exec = { ...event.exec, path: '/bin/sh', script: path, scriptDrift: true }
    expect(await hashes.of({ ...event, exec })).toEqual({ sha256: sha256Of(path) })
  })

  it('is known without the file once it was read, but not for an execution that it may not be of', async () => {
    const path = written('tool')
    const event = execution(path)
    const late = execution(path, {}, { sinceMs: 5 })
    const hash = await hashes.of(event)
    unlinkSync(path)
    expect(await hashes.of(event)).toEqual(hash)
    expect(await hashes.of(late)).toEqual({ unhashed: 'ended' })
  })
})

describe('files beyond the bounds have a reason', () => {
  it('where one is too large', async () => {
    hashes = make({ fileBytes: 3 })
    expect(await hashes.of(execution(written('tool')))).toEqual({ unhashed: 'size' })
    expect(await hashes.of(execution(written('run')))).toHaveProperty('sha256')
  })

  it('where those of a minute are, and the next minute has room again', async () => {
    hashes = make({ minuteBytes: 10 })
    const of = (name: string): Promise<FileHash> => hashes.of(execution(written(name)))
    expect(await of('first')).toHaveProperty('sha256')
    expect(await of('second')).toEqual({ unhashed: 'budget' })
    expect(await of('third')).toHaveProperty('sha256')
    expect(await of('x')).toEqual({ unhashed: 'budget' })
    steadyMs += 60_000
    expect(await of('second')).toHaveProperty('sha256')
  })

  it('where too many wait, and those that wait are read in turn', async () => {
    hashes = make({ waiting: 2 })
    const paths = ['a', 'b', 'c'].map((name) => written(name))
    const found = await Promise.all(paths.map((path) => hashes.of(execution(path))))
    expect(found).toEqual([
      { sha256: sha256Of(paths[0] ?? '') },
      { sha256: sha256Of(paths[1] ?? '') },
      { unhashed: 'queue' },
    ])
    expect(await hashes.of(execution(paths[2] ?? ''))).toHaveProperty('sha256')
  })

  it('where the agent ends', async () => {
    const path = written('tool')
    const hash = hashes.of(execution(path))
    hashes.close()
    expect(await hash).toEqual({ unhashed: 'agent-ended' })
    expect(await hashes.of(execution(path))).toEqual({ unhashed: 'agent-ended' })
  })
})
