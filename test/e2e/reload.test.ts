import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SinkView } from '../../src/api/sink-view.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { ReceivedTrail } from '../../src/core/audit/received-trail.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { httpReceiver } from '../fixtures/sink-receivers.ts'

const secret = 'correct-horse-battery-staple'
const linesOf = (path: string): readonly string[] =>
  readFileSync(path, 'utf8').split('\n').filter(Boolean)
const alertsIn = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => /"schema":"snug.alert\/v1","id":"(\w+)"/.exec(line)?.[1] ?? [])

test('a config is reloaded without a gap, a bad one changes nothing, and no secret is disclosed', async () => {
  await using hook = await httpReceiver((body) => body.trimEnd().split('\n'))
  await using agent = new Agent({
    config: { sources: ['file:-'], engines: { docker: { socket: 'none' } }, sinks: [] },
  })
  const config = JSON.parse(readFileSync(agent.config, 'utf8')) as object
  const tokenFile = join(agent.folder, 'token')
  writeFileSync(tokenFile, `${secret}\n`)
  const kept = join(agent.folder, 'kept.ndjson')
  const later = join(agent.folder, 'later.ndjson')
  const file = { name: 'kept', type: 'file', path: kept, storms: 'each' }
  const url = `http://127.0.0.1:${hook.port}/in?key=${secret}`
  const web = { name: 'web', type: 'http', url, token: { file: tokenFile }, storms: 'each' }
  const reload = async (more: object): Promise<void> => {
    writeFileSync(agent.config, JSON.stringify({ ...config, ...more }))
    process.kill(agent.pid, 'SIGHUP')
  }
  const named = (names: readonly string[]): Promise<unknown> =>
    agent.until<readonly SinkView[]>(['sink', 'list'], (sinks) => {
      return sinks.map(({ name }) => name).join() === names.join()
    })
  let raised = 0
  const raise = async (): Promise<void> => {
    const events = join(agent.folder, 'events.ndjson')
    writeFileSync(events, reverseShells({ containers: 50, each: 10, from: raised / 50 }))
    raised += 500
    await agent.cli(['event', 'replay', events])
  }

  writeFileSync(agent.config, JSON.stringify({ ...config, sinks: [file] }))
  await agent.start()
  await raise()
  const first = raise()
  await reload({ sinks: [file, web], learn: { floor: '2h' } })
  await named(['kept', 'web'])
  await first

  // An invalid config changes nothing, and the agent reports it until it is corrected.
  await reload({ sinks: [{ ...file, format: 'jsno' }] })
  const ill = await agent.until<StatusView>(['status'], ({ state }) => state === 'degraded')
  expect(ill.degraded.join()).toContain('CONFIG_INVALID')
  await raise()

  // Another file, one sink gone, and a key that a running agent cannot change.
  const second = raise()
  await reload({ sinks: [{ ...file, path: later }], node: 'other' })
  await named(['kept'])
  await second
  await agent.until<StatusView>(
    ['status'],
    ({ state, node }) => state === 'running' && node === 'n1',
  )
  const [sink] = await agent.until<readonly SinkView[]>(['sink', 'list'], ([one]) => {
    return one?.waiting === 0
  })
  expect(sink?.givenUp).toBe(0)

  const reported = await agent.json<readonly { readonly id: string }[]>([
    'alert',
    'list',
    '--limit',
    '10000',
  ])
  const ids = reported.map(({ id }) => id).sort()
  expect(ids).toHaveLength(raised)
  const written = alertsIn([...linesOf(kept), ...linesOf(later)])
  expect(written).toEqual(ids)
  expect(linesOf(later).length).toBeGreaterThan(0)
  // The new sink began with the stored alerts.
  expect(new Set(alertsIn(hook.lines)).has(ids[0] ?? '')).toBe(true)
  expect(hook.requests[0]?.headers['authorization']).toBe(`Bearer ${secret}`)

  // The changed keys are on record without values, and a receiver can verify that the record is complete.
  const audit = await agent.json<readonly { readonly what: string; readonly changed: unknown }[]>([
    'audit',
    'list',
  ])
  expect(audit.filter(({ what }) => what === 'config').map(({ changed }) => changed)).toEqual([
    ['learn.floor', 'sinks'],
    ['learn.floor', 'sinks'],
  ])
  const all = join(agent.folder, 'all.ndjson')
  writeFileSync(all, [...linesOf(kept), ...linesOf(later)].join('\n'))
  const trails = await agent.json<readonly ReceivedTrail[]>(['audit', 'verify', '--received', all])
  expect(trails).toMatchObject([{ node: 'n1', ok: true, first: 1, entries: audit.length }])

  const explained = await agent.cli(['config', 'explain', '--config', agent.config])
  const everything = [explained.stdout, explained.stderr, JSON.stringify(audit)]
  for (const text of [...everything, readFileSync(agent.log, 'utf8')])
    expect(text).not.toContain(secret)
  expect(readFileSync(agent.log, 'utf8')).toContain('CONFIG_NOT_LIVE')
})

test('an error of a sink, and the explanation of a config with its URL, disclose no secret', async () => {
  const url = `http://127.0.0.1:1/in?key=${secret}`
  await using agent = new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      sinks: [{ name: 'web', type: 'http', url }],
    },
  })
  await agent.start()
  const tested = await agent.cli(['sink', 'test', 'web', '-o', 'json'])
  expect(JSON.parse(tested.stdout)).toMatchObject({ ok: false })
  const explained = await agent.cli(['config', 'explain', '--config', agent.config, '-o', 'json'])
  expect(explained.stdout).toContain('http://127.0.0.1:1/in?***')
  const listed = await agent.cli(['sink', 'list'])
  for (const { stdout, stderr } of [tested, explained, listed]) {
    expect(stdout + stderr).not.toContain(secret)
  }
  expect(readFileSync(agent.log, 'utf8')).not.toContain(secret)
})
