import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { SinkTest, SinkView } from '../../src/api/sink-view.ts'
import { bindSink } from '../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import type { Sink } from '../../src/agent/pipeline/delivery/sinks/sink.ts'
import { sinkSchema } from '../../src/support/config/sink-schema.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { Alertmanager } from '../fixtures/alertmanager.ts'
import {
  hostile,
  hostileAlert,
  product,
  sampleAlerts,
  sampleAudits,
} from '../fixtures/format-alerts.ts'
import { httpReceiver, type HttpReceiver } from '../fixtures/sink-receivers.ts'

const sinkTo = ({ port }: Alertmanager): Sink => {
  const config = { name: 'out', type: 'alertmanager', url: `http://127.0.0.1:${port}` }
  return bindSink(sinkSchema.parse(config), product).sink
}
const idsIn = async (manager: Alertmanager): Promise<readonly string[]> =>
  (await manager.alerts()).map(({ labels }) => labels['id'] ?? '').sort()

interface Notification {
  readonly alerts: readonly {
    readonly status: string
    readonly labels: Readonly<Record<string, string>>
  }[]
}
const notified = ({ requests }: HttpReceiver): readonly string[] =>
  requests.flatMap(({ body }) =>
    (JSON.parse(body) as Notification).alerts.map(({ status, labels }) => {
      return `${labels['id']} ${status}`
    }),
  )

test('Alertmanager takes alerts and audit entries of every kind, whatever is in them', async () => {
  await using hook = await httpReceiver((body) => [body])
  await using manager = await Alertmanager.start(`http://127.0.0.1:${hook.port}/`)
  const sink = sinkTo(manager)
  const open = sampleAlerts.filter(({ decision }) => decision === undefined)
  const others = [hostileAlert('z'.repeat(65_536), '01KAVSA'), hostileAlert(hostile, '01KAVSB')]
  const records = [...open, ...others, ...sampleAudits(hostile)]
  await sink.write(records)
  expect(await idsIn(manager)).toEqual(records.map(({ id }) => id).sort())
  const many = Array.from({ length: 500 }, (_, at) => hostileAlert('plain', `01KAVS${at}`))
  await sink.write(many)
  expect(await idsIn(manager)).toHaveLength(records.length + many.length)
  await sink.close()
})

test('an alert is one there while its count rises, and a decision ends it', async () => {
  await using hook = await httpReceiver((body) => [body])
  await using manager = await Alertmanager.start(`http://127.0.0.1:${hook.port}/`)
  const sink = sinkTo(manager)
  const [alert] = sampleAlerts
  if (alert === undefined) throw new Error('there is no sample')
  await sink.write([alert])
  await expect.poll(() => notified(hook)).toEqual([`${alert.id} firing`])
  await sink.write([{ ...alert, count: 42 }])
  const [only, ...more] = await manager.alerts()
  expect(more).toEqual([])
  expect(only).toMatchObject({ annotations: { count: '42' }, labels: { severity: 'critical' } })
  const decided: Alert = {
    ...alert,
    decision: { kind: 'allowed', by: 'cli:root', at: new Date().toISOString() },
  }
  await sink.write([decided])
  await expect.poll(() => notified(hook)).toEqual([`${alert.id} firing`, `${alert.id} resolved`])
  expect(await manager.alerts()).toEqual([])
  await sink.close()
})

test('the agent delivers to it once it runs again, and tests it', async () => {
  await using hook = await httpReceiver((body) => [body])
  await using manager = await Alertmanager.start(`http://127.0.0.1:${hook.port}/`)
  const url = `http://127.0.0.1:${manager.port}`
  await using agent = new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      deliver: { from: 'low' },
      sinks: [{ name: 'pager', type: 'alertmanager', url }],
    },
  })
  await agent.start()
  const tested = await agent.json<SinkTest>(['sink', 'test', 'pager'])
  expect(tested).toMatchObject({ ok: true, answer: '200' })
  expect(await idsIn(manager)).toEqual([tested.id])
  await manager.stop()
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShells({ containers: 3, each: 1 }))
  // Deviations were found, of course.
  expect((await agent.cli(['event', 'replay', file])).code).toBeLessThanOrEqual(2)
  await agent.until<readonly SinkView[]>(['sink', 'list'], ([pager]) => {
    return pager?.state === 'failing' && pager.waiting >= 3
  })
  await manager.run()
  // The agent waits up to 30 s between two attempts.
  await agent.until<readonly SinkView[]>(['sink', 'list'], ([pager]) => pager?.waiting === 0)
  const alerts = await agent.json<readonly Alert[]>(['alert', 'list'])
  expect(alerts).toHaveLength(3)
  expect(await idsIn(manager)).toEqual(expect.arrayContaining(alerts.map(({ id }) => id)))
})
