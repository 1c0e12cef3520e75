import { describe, expect, it } from 'vitest'
import type { Severity } from '../../src/core/event/alert-words.ts'
import { eachOf, exitOf, failureOf } from '../../src/kubectl/agent-exec.ts'
import {
  gravestIncidents,
  type NodeIncident,
} from '../../src/kubectl/commands/incident-commands.ts'
import { newestAlerts } from '../../src/kubectl/commands/alerts-command.ts'
import { candidates, reviewText } from '../../src/kubectl/commands/review-command.ts'
import { clusterStatus } from '../../src/kubectl/commands/status-command.ts'
import { sampleAlerts } from '../fixtures/format-alerts.ts'
import { sampleIncident } from '../fixtures/server-fixtures.ts'

const agent = { name: 'snug-agent-x', node: 'n1', ready: true }

describe('a command in the pod of an agent', () => {
  it('has the exit code that the kubelet reports', () => {
    expect(exitOf({ status: 'Success' })).toBe(0)
    const causes = [{ reason: 'ExitCode', message: '2' }]
    expect(exitOf({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes } })).toBe(2)
    expect(exitOf({ status: 'Failure', message: 'no such container' })).toBe(1)
  })

  it('that fails has the code of the error that it printed', () => {
    const stderr = 'snug: no image `shop/web` (IMAGE_UNKNOWN)\nhint: run `snug image list`\n'
    expect(failureOf(agent, { exit: 1, stderr })).toMatchObject({
      code: 'IMAGE_UNKNOWN',
      message: 'n1: no image `shop/web`',
    })
  })

  it('that fails in another way names the pod', () => {
    const error = failureOf(agent, { exit: 137, stderr: 'snug: odd (NO_SUCH_CODE)\n' })
    expect(error).toMatchObject({ code: 'AGENT_POD_FAILED' })
    expect(error.message).toContain('`snug-agent-x` on n1: its command ended with 137')
  })
})

it('agents are asked some at a time, and answer in their order', async () => {
  let [now, most] = [0, 0]
  const numbers = Array.from({ length: 30 }, (_, at) => at)
  const answers = await eachOf(numbers, async (number) => {
    now += 1
    most = Math.max(most, now)
    await Promise.resolve()
    now -= 1
    return number * 2
  })
  expect(answers).toEqual(numbers.map((number) => number * 2))
  expect(most).toBeLessThanOrEqual(8)
})

it('for a review those are asked first that publish something for the profile', () => {
  const agents = ['n1', 'n2', 'n3'].map((node) => ({ name: node, node, ready: node !== 'n3' }))
  expect(candidates(agents, new Set(['n2', 'n3'])).map(({ node }) => node)).toEqual(['n2', 'n1'])
})

it('a version that waits as a whole is in the review, and one with nothing to decide is not', () => {
  const of = (profile: string, state: string) => ({
    profile,
    image: { repository: `shop/${profile}`, digest: 'sha256:0' },
    node: 'n1',
    state,
    because: 'its window has ended',
    behaviours: [],
  })
  const text = reviewText([of('a', 'review'), of('b', 'enforced')], { colour: false, width: 80 })
  expect(text).toBe('shop/a@sha256:0: its window has ended\n  kubectl snug approve a --all\n')
})

it('the alerts of all nodes come newest first, and only of the namespace', () => {
  const [first] = sampleAlerts
  if (first === undefined) throw new Error('no sample')
  const at = (second: number, namespace: string) => ({
    ...first,
    id: `${namespace}${second}`,
    lastSeen: `2026-11-24T12:00:0${second}.000Z`,
    workload: { namespace, kind: 'Deployment', name: 'web' },
  })
  const alerts = [at(1, 'a'), at(3, 'b'), at(2, 'a')]
  expect(newestAlerts(alerts, undefined, 2).map(({ id }) => id)).toEqual(['b3', 'a2'])
  expect(newestAlerts(alerts, 'a', 9).map(({ id }) => id)).toEqual(['a2', 'a1'])
})

it('the incidents of all nodes come gravest first, then latest, and only of the namespace', () => {
  const of = (node: string, severity: Severity, second: number, place: string): NodeIncident => ({
    ...sampleIncident,
    node,
    severity,
    lastSeen: `2026-11-24T12:00:0${second}.000Z`,
    places: [place],
  })
  const all = [
    of('n1', 'medium', 3, 'a/web'),
    of('n2', 'high', 1, 'a/web'),
    of('n3', 'high', 2, 'b/web'),
    of('n4', 'critical', 1, 'ab/web'),
  ]
  const nodes = (namespace: string | undefined, limit: number): readonly string[] =>
    gravestIncidents(all, namespace, limit).map(({ node }) => node)
  expect(nodes(undefined, 3)).toEqual(['n4', 'n3', 'n2'])
  expect(nodes('a', 9)).toEqual(['n2', 'n1'])
})

it('a Linux node without an agent that is ready is named, and one of Windows is not', () => {
  const nodes = [
    { name: 'n1', linux: true },
    { name: 'n2', linux: true },
    { name: 'n3', linux: true },
    { name: 'w1', linux: false },
  ]
  const agents = [agent, { name: 'y', node: 'n2', ready: false }]
  expect(clusterStatus([], nodes, agents)).toMatchObject({
    nodes: { linux: 3, other: 1 },
    uncovered: ['n2', 'n3'],
  })
})
