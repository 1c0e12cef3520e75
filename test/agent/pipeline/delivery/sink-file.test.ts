import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type FileSinkOptions,
  fileSink,
} from '../../../../src/agent/pipeline/delivery/sinks/file-sink.ts'
import type { Alert } from '../../../../src/core/event/alert.ts'

let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-file-')
  path = join(folder, 'alerts.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

const alert = (id: string): Alert => ({ id }) as unknown as Alert
const read = (name = 'alerts.log'): string => readFileSync(join(folder, name), 'utf8')

function open(options: Partial<FileSinkOptions> = {}, now = Date.now) {
  return fileSink('out', ({ id }) => id, { path, keep: 2, ...options }, now)
}

describe('a file of alerts', () => {
  it('is for its owner only, and is added to', async () => {
    const first = open()
    await first.write([alert('a')])
    await first.close()
    const second = open()
    await second.write([alert('b')])
    await second.close()
    expect(read()).toBe('a\nb\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is set aside before it grows beyond its size, and so many are kept', async () => {
    const sink = open({ rotateSize: 8 })
    for (const id of ['111', '222', '333', '444', '555', '666', '777']) {
      await sink.write([alert(id)])
    }
    await sink.close()
    expect(readdirSync(folder).sort()).toEqual(['alerts.log', 'alerts.log.1', 'alerts.log.2'])
    expect([read('alerts.log.2'), read('alerts.log.1'), read()]).toEqual([
      '333\n444\n',
      '555\n666\n',
      '777\n',
    ])
  })

  it('is set aside at its age', async () => {
    let nowMs = 1_000
    const sink = open({ rotateAge: 60_000 }, () => nowMs)
    await sink.write([alert('a')])
    nowMs += 59_999
    await sink.write([alert('b')])
    nowMs += 1
    await sink.write([alert('c')])
    await sink.close()
    expect([read('alerts.log.1'), read()]).toEqual(['a\nb\n', 'c\n'])
  })

  it('is created again at SIGHUP where somebody moved it away', async () => {
    const sink = open()
    await sink.write([alert('a')])
    renameSync(path, `${path}.old`)
    await sink.write([alert('b')])
    await sink.reopen?.()
    await sink.write([alert('c')])
    await sink.close()
    expect([read('alerts.log.old'), read()]).toEqual(['a\nb\n', 'c\n'])
  })

  it('ends a line that was cut before it begins the next', async () => {
    appendFileSync(path, 'whole\ncut in the mid')
    const sink = open()
    await sink.write([alert('a')])
    await sink.close()
    expect(read()).toBe('whole\ncut in the mid\na\n')
  })

  it('is refused where it cannot be written, and taken once it can', async () => {
    const sink = open({ path: join(path, 'below-a-file') })
    appendFileSync(path, '')
    await expect(sink.write([alert('a')])).rejects.toThrow(/EEXIST|ENOTDIR/)
    rmSync(path)
    await sink.write([alert('a')])
    await sink.close()
    expect(readFileSync(join(path, 'below-a-file'), 'utf8')).toBe('a\n')
  })
})
