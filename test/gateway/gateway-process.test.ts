import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isReadByAll } from '../../src/serve/gateway/gateway-process.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-open-')
  mkdirSync(join(folder, 'dist'))
  file = join(folder, 'dist/main.js')
  writeFileSync(file, '')
  chmodSync(folder, 0o755)
  chmodSync(join(folder, 'dist'), 0o711)
  chmodSync(file, 0o644)
})
afterEach(() => rmSync(folder, { recursive: true }))

it('code that everybody can read is read by the user whom the front runs as', () => {
  expect(isReadByAll(file)).toBe(true)
})

it('code beneath a folder of root’s own is not, as a checkout in its home is', () => {
  chmodSync(folder, 0o700)
  expect(isReadByAll(file)).toBe(false)
})

it('code that is for its group alone is not', () => {
  chmodSync(file, 0o640)
  expect(isReadByAll(file)).toBe(false)
})

it('a link has the permissions of its target', () => {
  const closed = join(folder, 'closed')
  mkdirSync(closed)
  chmodSync(closed, 0o700)
  writeFileSync(join(closed, 'node'), '')
  symlinkSync('../closed/node', join(folder, 'dist/node'))
  expect(isReadByAll(join(folder, 'dist/node'))).toBe(false)
})
