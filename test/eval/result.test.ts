import { mkdtempSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadResults, saveResult, type ServiceResult } from './result.ts'

const result: ServiceResult = {
  service: 'one',
  kind: 'web',
  column: 'development',
  at: '2026-11-26T00:00:00.000Z',
  commit: 'first',
  roundSeconds: 60,
  protocols: {},
  attacks: [],
  batch: ['one'],
  findings: [],
  failures: [],
}

let folder = ''
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-eval-results-')
})
afterEach(() => rmSync(folder, { recursive: true }))

it('keeps the partial results of a batch', () => {
  saveResult(folder, result)
  expect(loadResults(folder)).toEqual([result])
})

it('keeps a whole result until another one is whole', () => {
  const whole = { ...result, residentMiB: 100 }
  saveResult(folder, whole)
  saveResult(folder, { ...result, commit: 'second' })
  expect(loadResults(folder)).toEqual([whole])
  const next = { ...whole, commit: 'second' }
  saveResult(folder, next)
  expect(loadResults(folder)).toEqual([next])
})
