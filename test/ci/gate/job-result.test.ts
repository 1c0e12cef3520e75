import { expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { jobResult } from '../../../src/ci/gate/job-result.ts'
import { gateSarif } from '../../../src/ci/gate/sarif.ts'
import { act } from '../../fixtures/event-fixture.ts'

const event = act.connect('198.51.100.7', 443, { exe: '/usr/bin/node' })

const alert = (changes: Partial<Alert>): Alert => ({
  schema: 'snug.alert/v1',
  id: '01-a',
  time: event.time,
  node: 'n1',
  severity: 'medium',
  type: 'deviation',
  action: 'alerted',
  reasons: ['no earlier run of the job did this'],
  nearest: null,
  behaviour: { id: 'b1', kind: 'connect', object: 'x', text: 'connect to tcp 198.51.100.7:443' },
  process: event.process,
  event,
  count: 1,
  firstSeen: event.time,
  lastSeen: event.time,
  mode: 'learn',
  guardrails: [],
  attack: [],
  ...changes,
})

const resultOf = (alerts: readonly Alert[], lost = 0): ReturnType<typeof jobResult> =>
  jobResult({ job: 'shop/install', seen: 9, before: 7, lost, alerts })

it('a deviation of medium severity fails the step, and names who did what and what became of it', () => {
  const { passed, findings, counts } = resultOf([alert({ action: 'blocked' })])
  expect([passed, counts.approve]).toEqual([false, 1])
  expect(findings).toEqual([
    {
      id: 'b1',
      rule: 'new-peer',
      level: 'approve',
      text: '/usr/bin/node: connect to tcp 198.51.100.7:443',
      why: 'medium, blocked, no earlier run of the job did this',
    },
  ])
})

it('a deviation of low severity is noted, and a loss is a warning: neither fails the step', () => {
  const { passed, findings } = resultOf([alert({ severity: 'low' })], 3)
  expect(passed).toBe(true)
  expect(findings.map(({ rule, level }) => [rule, level])).toEqual([
    ['lost-evidence', 'warn'],
    ['new-peer', 'note'],
  ])
})

it('an alert that stands for others, or for a loss, is no deviation', () => {
  const summary = { kinds: {}, severities: {}, reasons: [], first: [] }
  expect(resultOf([alert({ summary }), alert({ type: 'loss' })]).findings).toEqual([])
})

it('a file that a guardrail is about is the place of the finding in SARIF', () => {
  const read = act.file('/root/.npmrc')
  const guarded = alert({ guardrails: ['client-credentials'], severity: 'high', event: read })
  expect(gateSarif(resultOf([guarded]), '1.0.0')).toMatchObject({
    version: '2.1.0',
    runs: [
      {
        results: [
          {
            ruleId: 'guardrail',
            level: 'error',
            locations: [{ physicalLocation: { artifactLocation: { uri: 'root/.npmrc' } } }],
          },
        ],
      },
    ],
  })
})
