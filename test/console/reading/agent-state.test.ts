import { expect, it } from 'vitest'
import type { AgentReport } from '../../../src/core/event/agent-report-schema.ts'
import { reportSubject } from '../../../src/core/event/agent-report.ts'
import { agentState } from '../../../src/console/reading/agent-state.ts'

const nowMs = Date.parse('2026-11-24T12:00:00Z')
const agent = { node: 'n1', ready: true, startedAt: '' }
const report: AgentReport = {
  schema: 'snug.agent/v1',
  time: '2026-11-24T11:59:50Z',
  node: 'n1',
  version: '1',
  everyMs: 30_000,
  state: 'running',
  blind: [],
  degraded: [],
  behindMs: 0,
  containers: 3,
  openAlerts: 0,
}

it.each([
  ['missing', { agent: undefined, report: undefined, reports: true }],
  ['silent', { agent, report: undefined, reports: true }],
  ['working', { agent, report: undefined, reports: false }],
  ['silent', { agent: { ...agent, ready: false }, report: undefined, reports: false }],
  ['working', { agent, report, reports: true }],
  ['silent', { agent, report: { ...report, time: '2026-11-24T11:58:29Z' }, reports: true }],
  ['working', { agent, report: { ...report, time: '2026-11-24T11:58:31Z' }, reports: true }],
  ['blind', { agent, report: { ...report, blind: ['ebpf: no BTF'] }, reports: true }],
  ['blind', { agent, report: { ...report, blind: ['x'], behindMs: 90_000 }, reports: true }],
  ['behind', { agent, report: { ...report, behindMs: 61_000, degraded: ['x'] }, reports: true }],
  ['degraded', { agent, report: { ...report, degraded: ['x'] }, reports: true }],
  // Without Kubernetes.
  ['unknown', { agent: null, report: undefined, reports: false }],
  ['silent', { agent: null, report: undefined, reports: true }],
  ['working', { agent: null, report, reports: true }],
  // An agent outside of a pod reports too.
  ['working', { agent: undefined, report, reports: true }],
] as const)('an agent is %s: %j', (state, facts) => {
  const found = agentState(facts, nowMs)
  expect(found.state).toBe(state)
  expect(found.reasons.length > 0).toBe(state !== 'working')
})

it('each node has one subject, whatever its name has in it', () => {
  expect(reportSubject('snug.agents', 'n1.shop.example')).toBe('snug.agents.n1%2Eshop%2Eexample')
  expect(reportSubject('snug.agents', 'a *>b')).toBe('snug.agents.a%20%2A%3Eb')
})
