import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { ModuleSource } from '../../src/agent/pipeline/sources/module-source.ts'
import { type SourceUnderTest, concurrentSourceSuite } from './source-suite.ts'

/** The example of the documentation. */
const example = readFileSync(
  fileURLToPath(new URL('../../docs/example-source/opens.mjs', import.meta.url)),
  'utf8',
)
const paths = Array.from({ length: 30 }, (_, n) => `/etc/shop/${n}.conf`)

concurrentSourceSuite({
  name: 'of a module, as in the documentation',
  make: async () => under(example, `${paths.map(line).join('\n')}\n`),
  makeIdle: async () => under(example, ''),
  makeLossy: async () => ({
    ...under(example, `${line('/a')}\nhalf a line\n${line('no path')}\n${line('/z')}\n`, ['/z']),
    losses: 2,
  }),
  makeBroken: async () => ({ ...under('export default 7\n', ''), code: 'SOURCE_UNREADABLE' }),
})

it('counts a message that is no event as a loss', async () => {
  const source = `
    export default ({ node }) => ({
      name: 'odd', supports: { kinds: ['exec'], filter: false, containers: false },
      state: { kind: 'running' }, stats: { received: 2, delivered: 2, lost: {}, facts: {} },
      async *messages() { yield [{ type: 'event', event: { v: 1, node, kind: 'exec' } }, { type: 'event', event: () => 1 }] },
    })`
  const made = under(source, '')
  const { source: odd } = made
  const events: SnugEvent[] = []
  for await (const batch of odd.messages(new AbortController().signal)) {
    for (const message of batch) if (message.type === 'event') events.push(message.event)
  }
  expect(events).toMatchObject([{ kind: 'loss', loss: { reason: 'undecodable', count: 2 } }])
  expect(odd.stats).toMatchObject({ received: 2, delivered: 0, lost: { undecodable: 2 } })
  await made.dispose()
})

function line(path: string): string {
  return `2026-11-24T13:40:27Z ${'c'.repeat(64)} 812 101 /usr/sbin/nginx open ${path}`
}

function under(module: string, text: string, expected: readonly string[] = paths): SourceUnderTest {
  const folder = mkdtempSync('/tmp/snug-module-')
  const [code, log] = [join(folder, 'source.mjs'), join(folder, 'opens.log')]
  writeFileSync(code, module)
  writeFileSync(log, '')
  return {
    source: new ModuleSource(`${code}?${log}`, { node: 'n1' }),
    expected,
    name: (event) => (event.kind === 'file' ? event.file.path : undefined),
    act: async () => appendFileSync(log, text),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
