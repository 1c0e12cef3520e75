import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CursorFile, furthest } from '../../../../src/agent/records/store/cursor-file.ts'

let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-cursors-')
  path = join(folder, 'cursors')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the file of cursors', () => {
  it('has the last kept cursors, longer or shorter than before, even after it is opened again', () => {
    const file = new CursorFile(path)
    expect(file.load()).toEqual({})
    for (const cursors of [{ siem: '01A' }, { siem: '01B', hook: '01A' }, { hook: '01C' }]) {
      expect(file.keep(cursors)).toBe(true)
      expect(new CursorFile(path).load()).toEqual(cursors)
    }
    file.close()
    const next = new CursorFile(path)
    expect(next.load()).toEqual({ hook: '01C' })
    expect(next.keep({ a: '1' })).toBe(true)
    next.close()
    expect(new CursorFile(path).load()).toEqual({ a: '1' })
  })

  it('gives no cursors where it was truncated, changed or replaced', () => {
    const file = new CursorFile(path)
    file.keep({ siem: '01KAVS0000', hook: '01KAVS0001' })
    file.close()
    const whole = readFileSync(path, 'utf8')
    for (const text of [
      '',
      whole.slice(0, -1),
      whole.slice(0, 5),
      whole.replace('01KAVS0000', '01KAVT0000'),
      'no cursors',
    ]) {
      writeFileSync(path, text)
      expect(new CursorFile(path).load()).toEqual({})
    }
  })

  it('reports that it cannot be written', () => {
    expect(new CursorFile(join(folder, 'none', 'cursors')).keep({ siem: '01A' })).toBe(false)
  })
})

it('takes of each sink the further cursor', () => {
  expect(furthest({ a: '02', b: '01' }, { a: '01', c: '03' }, {})).toEqual({
    a: '02',
    b: '01',
    c: '03',
  })
})
