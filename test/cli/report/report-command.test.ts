import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EvidenceReport } from '../../../src/cli/report/report-schema.ts'
import { cli } from '../../fixtures/cli-fixtures.ts'
import { sampleAlert, type ServerFixture, startFixture } from '../../fixtures/server-fixtures.ts'

const pci = ['report', 'compliance', '--framework', 'pci-dss-4.0.1']
let fixture: ServerFixture

beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

const snug = (...args: string[]) => cli([...args, '--socket', fixture.socket])

test('the report is a page by default and with `-o html`, and data in the other formats', async () => {
  const page = await snug(...pci)
  expect(page).toMatchObject({ exit: 0, stderr: '' })
  expect(page.stdout).toMatch(/^<!doctype html>/)
  const same = await snug(...pci, '-o', 'html')
  expect(same.stdout).toMatch(/^<!doctype html>/)
  const json = await snug(...pci, '-o', 'json')
  const { framework } = JSON.parse(json.stdout) as EvidenceReport
  expect(framework).toMatchObject({ name: 'pci-dss-4.0.1', title: 'PCI DSS' })
})

test('the period begins and ends where it was asked for', async () => {
  const times = ['--from', '2026-11-01T00:00:00Z', '--to', '2026-11-25T00:00:00Z']
  const { stdout } = await snug(...pci, ...times, '-o', 'json')
  const { span, evidence } = JSON.parse(stdout) as EvidenceReport
  expect(span).toEqual({ from: '2026-11-01T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' })
  const lost = evidence.find(({ kind }) => kind === 'losses')
  expect(lost?.tables[0]?.rows).toMatchObject([{ where: 'node', reason: 'ring-full', count: 2 }])
  const earlier = await snug(...pci, '--from', '2026-10-01', '--to', '2026-11-01', '-o', 'json')
  const before = JSON.parse(earlier.stdout) as EvidenceReport
  expect(
    before.evidence.flatMap(({ kind, tables }) => (kind === 'losses' ? tables[0]?.rows : [])),
  ).toEqual([])
})

test('alerts are read over all pages, and one that stands for others is not counted', async () => {
  const count = 1_203
  const times = { firstSeen: '2026-11-24T13:40:27Z', lastSeen: '2026-11-24T13:40:27Z' }
  const alerts = Array.from({ length: count }, (_, at) =>
    sampleAlert(String(count - at).padStart(6, '0'), { ...times, severity: 'low' }),
  )
  const summary = { kinds: {}, severities: {}, reasons: [], first: [] }
  fixture.engine.kept = [sampleAlert('999999', { ...times, summary }), ...alerts]
  const period = ['--from', '2026-11-01', '--to', '2026-11-30']
  const { stdout } = await snug(...pci, ...period, '-o', 'json')
  const { evidence } = JSON.parse(stdout) as EvidenceReport
  const counts = evidence.find(({ kind }) => kind === 'alerts')?.tables[0]?.rows
  expect(counts?.[0]).toEqual({ type: 'deviation', low: count, medium: 0, high: 0, critical: 0 })
})

test.each<[string, number, string, readonly string[]]>([
  ['an unknown framework', 3, 'FRAMEWORK_UNKNOWN', ['--framework', '../guardrails']],
  ['a period that ends before it begins', 3, 'SPAN_INVALID', ['--from', '1d', '--to', '2d']],
  ['a period that ends in the future', 3, 'SPAN_INVALID', ['--to', '2999-01-01T00:00:00Z']],
  ['a time that is none', 64, 'USAGE', ['--from', 'yesterday']],
])('%s ends with exit code %i', async (_, exit, code, args) => {
  const result = await snug(...pci, ...args)
  expect(result.exit).toBe(exit)
  expect(result.stderr).toContain(code)
  expect(result.stdout).toBe('')
})

test('without a framework the usage is wrong, and without an agent there is no report', async () => {
  expect(await snug('report', 'compliance')).toMatchObject({ exit: 64, stdout: '' })
  const result = await cli([...pci, '--socket', '/nonexistent/snug.sock'])
  expect(result).toMatchObject({ exit: 1, stdout: '' })
  expect(result.stderr).toContain('AGENT_UNREACHABLE')
})

test('a command that has no page refuses `-o html` before it changes anything', async () => {
  const web = 'registry.local/shop/web:1.4'
  const result = await snug('profile', 'mode', web, 'alert', '-o', 'html')
  expect(result).toMatchObject({ exit: 64, stdout: '' })
  expect(fixture.engine.calls).toEqual([])
  await snug('profile', 'mode', web, 'alert', '-o', 'json')
  expect(fixture.engine.calls).toHaveLength(1)
})
