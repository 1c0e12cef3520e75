import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { HashPatience } from '../../../src/core/event/file-hash.ts'
import { Guardrails } from '../../../src/core/match/guardrail.ts'
import type { OutboundRecord } from '../../../src/core/event/outbound-record.ts'
import type { SinkBinding } from '../../../src/agent/pipeline/delivery/sinks/sink.ts'
import type { SourceControl } from '../../../src/agent/pipeline/sources/source.ts'
import {
  begin,
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
  RecordingControl,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { act, shippedGuardrails } from '../../fixtures/event-fixture.ts'
import { execution, RunningProgram, sha256Of } from '../../fixtures/executed-file.ts'

const [first, second] = ['a'.repeat(64), 'b'.repeat(64)] as const
let root: string
let world: DaemonWorld
let delivered: Deliveries

/** What a sink got, in order. */
class Deliveries implements SinkBinding {
  readonly type = 'file'
  readonly format = 'json'
  readonly target = 'here'
  readonly spec = 'one'
  readonly accepts = (): boolean => true
  readonly alerts: Alert[] = []
  #awaited: (() => void)[] = []
  readonly sink = {
    name: 'siem',
    write: async (records: readonly OutboundRecord[]): Promise<string> => {
      this.alerts.push(...records.filter((record): record is Alert => record.type !== 'audit'))
      for (const wake of this.#awaited.splice(0)) wake()
      return 'taken'
    },
    close: async (): Promise<void> => undefined,
  }

  async until(isThere: (alerts: readonly Alert[]) => boolean): Promise<readonly Alert[]> {
    while (!isThere(this.alerts))
      await new Promise<void>((resolve) => this.#awaited.push(() => resolve()))
    return this.alerts
  }
}

/** Until the hash is there, however slow this machine is. */
const patient: HashPatience = { sinksMs: 3_600_000, sensorMs: 3_600_000 }

async function start(
  control: SourceControl = new RecordingControl(),
  options: WorldOptions = {},
): Promise<void> {
  const guardrails = new Guardrails(shippedGuardrails)
  const outlets = [delivered]
  world = daemonWorld({ outlets, control, guardrails, hashPatience: patient, ...options })
  await world.start()
  for (const container of [first, second]) world.source.emit(begin(world, container))
}

function emit(container: string, ...events: readonly ActEvent[]): void {
  world.source.emit(
    ...events.map((event) => eventMessage({ ...event, container: { id: container } })),
  )
}

beforeEach(() => {
  root = mkdtempSync('/var/tmp/snug-executed-')
  delivered = new Deliveries()
})
afterEach(async () => {
  await world.stop()
  rmSync(root, { recursive: true })
})

function dropped(name: string, content = name): string {
  const path = join(root, name)
  writeFileSync(path, content)
  return path
}

const hashIn = ({ event }: Alert): string | undefined =>
  event.kind === 'exec' ? (event.exec.sha256 ?? event.exec.unhashed) : undefined

it('a sink gets one record of an alert, with the hash of what was executed', async () => {
  await start()
  const path = dropped('tool')
  emit(first, execution(path))
  const alerts = await delivered.until((all) => all.length > 0)
  expect(alerts.map(hashIn)).toEqual([sha256Of(path)])
  // Nothing more comes of it.
  await world.daemon.journal.persist()
  emit(second, act.exec('/tmp/later', {}, true))
  const all = await delivered.until(({ length }) => length > 1)
  expect(all.map(({ container }) => container?.id)).toEqual([first, second])
})

it('a case of the container has the hash, as its last events have it', async () => {
  await start()
  const path = dropped('tool')
  emit(first, execution(path))
  await delivered.until((all) => all.length > 0)
  expect(world.daemon.history.of(first)).toMatchObject([
    { kind: 'exec', exec: { path, sha256: sha256Of(path) } },
  ])
})

it('an execution whose file no sensor identified has that as its reason', async () => {
  await start()
  emit(first, act.exec('/tmp/x', {}, true))
  const alerts = await delivered.until((all) => all.length > 0)
  expect(alerts.map(hashIn)).toEqual(['unidentified'])
  expect(world.daemon.hashes.counts.get('unidentified')).toBe(1)
})

it('a hash that takes long comes as an update, and nothing was delivered before the alert', async () => {
  await using program = await RunningProgram.start(root)
  const { path, pid } = program
  let answer: (runs: boolean) => void = () => undefined
  const isAnswered = new Promise<boolean>((resolve) => (answer = resolve))
  class Slow extends RecordingControl {
    runsStill(): Promise<boolean> {
      return isAnswered
    }
  }
  await start(new Slow(), { hashPatience: { ...patient, sinksMs: 10 } })
  emit(first, execution(path, {}, { pid, sinceMs: 5 }))
  await judged()
  emit(second, act.exec('/tmp/later', {}, true))
  const before = await delivered.until(({ length }) => length > 1)
  expect(before.map((alert) => [alert.container?.id, hashIn(alert)])).toEqual([
    [first, undefined],
    [second, 'unidentified'],
  ])
  answer(true)
  const [, , update] = await delivered.until(({ length }) => length > 2)
  expect(update?.id).toBe(before[0]?.id)
  expect(update === undefined ? undefined : hashIn(update)).toBe(sha256Of(path))
})

it('a guardrail with the hash raises its alert also where the profile expects the execution', async () => {
  const path = dropped('tool')
  const knownBad = {
    id: 'known-bad',
    title: 'Executed a known bad file',
    severity: 'critical',
    attack: ['T1204.002'],
    why: 'a list has it',
    when: [{ kind: 'exec', hash: [sha256Of(path), 'ab'.repeat(32)] }],
  } as const
  const rules = { ...shippedGuardrails, guardrails: [knownBad] }
  await start(undefined, { guardrails: new Guardrails(rules) })
  const event = execution(path)
  emit(first, event, execution(dropped('other')))
  const alerts = await delivered.until((all) => all.length > 0)
  expect(alerts).toMatchObject([
    {
      type: 'guardrail',
      severity: 'critical',
      guardrails: ['known-bad'],
      attack: expect.arrayContaining(['T1204.002']),
      reasons: ['Executed a known bad file: a list has it'],
      event: { exec: { path, sha256: sha256Of(path) } },
    },
  ])
})

it('an alert has a reason after the agent ended before it knew the hash', async () => {
  class Silent extends RecordingControl {
    runsStill(): Promise<boolean> {
      return new Promise(() => undefined)
    }
  }
  await using program = await RunningProgram.start(root)
  await start(new Silent())
  emit(first, execution(program.path, {}, { pid: program.pid, sinceMs: 5 }))
  await judged()
  await world.daemon.journal.persist()
  const { store } = world
  const earlier = world
  world = daemonWorld({ store, outlets: [new Deliveries()] })
  await world.start()
  const restored = world.daemon.alerts.newestFirst.flatMap(({ whole }) => hashIn(whole) ?? [])
  await earlier.stop()
  expect(restored).toEqual(['agent-ended'])
})
