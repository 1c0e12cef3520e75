import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { regoWasm } from '../fixtures/rego-wasm.ts'
import { httpReceiver } from '../fixtures/sink-receivers.ts'

/** An agent that was sent an act which is an alert. */
async function alerted(config: Readonly<Record<string, unknown>>): Promise<Agent> {
  const engines = { docker: { socket: 'none' } }
  const agent = new Agent({ config: { sources: ['file:-'], engines, ...config } })
  await agent.start()
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShells({ containers: 1, each: 1 }))
  await agent.cli(['event', 'replay', file])
  return agent
}

test('an agent drops a trace that the collector does not take within `traces.timeout`', async () => {
  await using collector = await httpReceiver(() => [])
  collector.behave = 'hang'
  const url = `http://127.0.0.1:${collector.port}`
  await using agent = await alerted({ traces: { url, timeout: '1234ms' } })
  await expect
    .poll(() => agent.lastOutput())
    .toMatch(/no answer within 1234 ms.*the trace collector refused spans/)
})

test('an agent asks the rule of its policy that `alertPolicy.entrypoint` names', async () => {
  const folder = mkdtempSync('/tmp/snug-policy-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const wasm = join(folder, 'policy.wasm')
  writeFileSync(wasm, await regoWasm())
  const entrypoint = 'snug/wrong'
  await using agent = await alerted({ alertPolicy: { wasm, entrypoint } })
  // That rule gives what is no severity.
  await agent.until<StatusView>(['status'], ({ degraded }) =>
    degraded.some((fault) => fault.startsWith('alert policy') && fault.includes('`severity`')),
  )
})
