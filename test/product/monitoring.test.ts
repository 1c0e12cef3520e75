import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { Prometheus } from '../fixtures/prometheus.ts'
import { closedPort } from '../fixtures/held-ports.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const monitoring = join(root, 'deploy/monitoring')

test('the alert rules are valid, and each fires on its own condition only', () => {
  execFileSync('promtool', ['check', 'rules', join(monitoring, 'snug.rules.yml')])
  execFileSync('promtool', ['test', 'rules', join(root, 'test/monitoring/rules.test.yml')])
})

/** The configuration that is shipped, but for where things are. */
function shippedFor(target: string, tokenFile: string): string {
  return readFileSync(join(monitoring, 'prometheus.yml'), 'utf8')
    .replaceAll('15s', '1s')
    .replace('/etc/prometheus/snug.token', tokenFile)
    .replace('127.0.0.1:7684', target)
}

test('Prometheus scrapes an agent, evaluates the rules, and every metric that rules and dashboard name is there', async () => {
  const port = await closedPort()
  const nobody = await closedPort()
  await using agent = new Agent({
    config: {
      listen: `127.0.0.1:${port}`,
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      sinks: [
        { name: 'siem', type: 'syslog', address: `127.0.0.1:${nobody}` },
        { name: 'copy', type: 'file', path: '/dev/null' },
      ],
    },
  })
  await agent.start()
  const tokenFile = join(agent.data, 'admin.token')
  await using prometheus = await Prometheus.start(shippedFor(`127.0.0.1:${port}`, tokenFile))
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShells({ containers: 10, each: 2 }))
  await agent.cli(['event', 'replay', file])

  const awaited = (query: string, value: number): Promise<void> =>
    expect.poll(() => prometheus.value(query), { interval: 200 }).toBe(value)
  await awaited('up{job="snug"}', 1)
  await awaited('snug_respond_alerts_total', 20)
  await awaited('snug_sink_state{sink="siem",state="failing"}', 1)
  await awaited('snug_sink_delivered_total{sink="copy"} >= bool 20', 1)
  await awaited('snug_sink_refusals_total{sink="siem"} > bool 0', 1)
  await awaited('snug_sink_lag_seconds{sink="siem"} > bool 0', 1)

  interface Rules {
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
  interface Rule {
    readonly name: string
    readonly health: string
    readonly state: string
  }
  const rules = async (): Promise<readonly Rule[]> =>
    (await prometheus.get<Rules>('rules'))?.groups.flatMap((group) => group.rules) ?? []
  await expect
    .poll(async () => (await rules()).find(({ name }) => name === 'SnugSinkFailing')?.state)
    .toBe('pending')
  expect((await rules()).every(({ health }) => health === 'ok')).toBe(true)

  const token = readFileSync(tokenFile, 'utf8').trim()
  const scraped = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const there = new Set(
    [...(await scraped.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name),
  )
  for (const shipped of ['snug.rules.yml', 'grafana-dashboard.json']) {
    const text = readFileSync(join(monitoring, shipped), 'utf8')
    const named = new Set([...text.matchAll(/\bsnug_[a-z_]+/g)].map(([name]) => name))
    expect(named.size).toBeGreaterThan(8)
    for (const name of named) expect(there, `${name} in ${shipped}`).toContain(name)
  }
})
