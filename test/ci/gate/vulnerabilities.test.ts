import { expect, it } from 'vitest'
import type { VulnerabilityPolicy } from '../../../src/ci/gate/policy-schema.ts'
import { gate, policy, reported } from '../../fixtures/gate-fixtures.ts'
import { joinedWith, trivy } from '../../fixtures/scan-fixtures.ts'

const scan = await joinedWith(trivy)
const judged = (change: Partial<VulnerabilityPolicy> = {}) =>
  gate({ scan, policy: { ...policy, vulnerabilities: { ...policy.vulnerabilities, ...change } } })
const ids = (change?: Partial<VulnerabilityPolicy>) => judged(change).findings.map(({ id }) => id)

it('is closed by severe vulnerabilities in running packages; unknown use counts as running', () => {
  expect(ids()).toEqual([
    'CVE-10@org.x:log',
    'CVE-12@golang.org/x/net',
    'CVE-2@libssl3',
    'CVE-5@netbase',
    'CVE-6@gone',
    'CVE-7@lodash',
    'CVE-9@pyyaml',
  ])
  expect(reported(judged({ from: 'critical' }))).toEqual([
    'approve vulnerability: CVE-2 (critical) in libssl3 3.0.11-1: no fix is known',
    'approve vulnerability: CVE-9 (critical) in pyyaml 5.1: no fix is known',
  ])
})

it('requires more or less, as the policy sets it', () => {
  expect(ids({ seen: 'in-use' })).toEqual([
    'CVE-12@golang.org/x/net',
    'CVE-5@netbase',
    'CVE-6@gone',
  ])
  expect(ids({ seen: 'any', from: 'low' })).toHaveLength(13)
  expect(ids({ seen: 'any', from: 'low', onlyFixed: true })).toEqual(['CVE-1@nginx'])
  expect(judged({ level: 'warn' }).passed).toBe(true)
})

it('allows a vulnerability that an owner accepted, until the given day', () => {
  const exception = (until: string, more = {}) => ({
    from: 'critical' as const,
    exceptions: [{ id: 'CVE-2', owner: 'web', until, reason: 'behind the proxy', ...more }],
  })
  expect(judged(exception('2026-11-24T23:59:59Z')).counts).toMatchObject({
    approve: 1,
    approved: 1,
  })
  const ended = judged(exception('2026-11-23T23:59:59Z'))
  expect(ended.counts).toMatchObject({ approve: 2, approved: 0, warn: 1 })
  expect(ended.findings.at(-1)?.text).toBe(
    'the exception for CVE-2 by web ended at 2026-11-23T23:59:59Z',
  )
  const other = judged(exception('2026-12-31T00:00:00Z', { package: 'openssl' }))
  expect(other.findings.map(({ rule }) => rule)).toEqual([
    'vulnerability',
    'vulnerability',
    'approval-unused',
  ])
})

it('is closed by a report that cannot be read in full', () => {
  const result = gate({ scan: { ...scan, findings: [], rejected: 2 } })
  expect(result).toMatchObject({ passed: false, findings: [{ rule: 'report-unreadable' }] })
})
