import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import { alertPolicy } from '../../../../src/plugins/rego/alert-policy.ts'
import type { AlertGrade } from '../../../../src/agent/pipeline/alerts/alert-grade.ts'
import { regoWasm } from '../../../fixtures/rego-wasm.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { type DaemonWorld, daemonWorld } from '../../../fixtures/daemon-fixtures.ts'

const dir = mkdtempSync(join(tmpdir(), 'snug-alert-policy-'))
const file = join(dir, 'policy.wasm')
let world: DaemonWorld | undefined

beforeAll(async () => writeFileSync(file, await regoWasm()))
afterEach(async () => {
  await world?.stop()
  world = undefined
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The alert on a connection to the address, in an agent with the policy. */
function raised(address: string, grade?: AlertGrade): Alert {
  world ??= daemonWorld(grade === undefined ? {} : { grade })
  const event = act.connect(address, 443)
  const { alert } = world.daemon.alerts.raise(
    {
      fingerprint: address,
      type: 'deviation',
      severity: 'medium',
      reasons: ['it never did'],
      nearest: null,
      behaviour: null,
      guardrails: [],
      attack: [],
      mode: 'alert',
      event,
    },
    world.now(),
  )
  return alert
}

it('a policy in Rego sets the severity and the reason of the alerts that it names and no others', async () => {
  const grade = await alertPolicy(file, 'snug/alert')
  expect(raised('203.0.113.9', grade)).toMatchObject({
    severity: 'critical',
    reasons: ['it never did', 'by the policy: it talks to the outside'],
  })
  expect(raised('10.0.0.7')).toMatchObject({ severity: 'medium', reasons: ['it never did'] })
  // A repeat raises the count without another call of the policy.
  expect(raised('203.0.113.9')).toMatchObject({ count: 2, severity: 'critical' })
  expect(world?.daemon.faults.size).toBe(0)
})

it('one that fails changes nothing, and is a fault of the agent until it works again', async () => {
  const wrong = await alertPolicy(file, 'snug/wrong')
  const right = await alertPolicy(file, 'snug/alert')
  let grade: AlertGrade = wrong
  world = daemonWorld({ grade: (alert) => grade(alert) })
  expect(raised('203.0.113.9').severity).toBe('medium')
  expect(world.daemon.faults.get('alert policy')).toContain('`severity`')
  grade = right
  expect(raised('203.0.113.9').severity).toBe('medium')
  expect(raised('203.0.113.90').severity).toBe('critical')
  expect(world.daemon.faults.size).toBe(0)
})

it('an invalid policy keeps the agent from starting', async () => {
  await expect(alertPolicy(join(dir, 'none'), 'snug/alert')).rejects.toMatchObject({
    code: 'SOURCE_UNREADABLE',
  })
  await expect(alertPolicy(file, 'snug/alerts')).rejects.toMatchObject({ code: 'REGO_FAILED' })
})
