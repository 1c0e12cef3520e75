import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { ListenSource } from '../../src/agent/pipeline/sources/listen/listen-source.ts'
import { gvisorOpen, sendPackets } from '../fixtures/sensors/gvisor-packets.ts'
import { sourceSuite, type SourceUnderTest } from './source-suite.ts'

const pathOf = (n: number): string => `/srv/data/f-${String(n).padStart(3, '0')}`
const paths = Array.from({ length: 200 }, (_, n) => pathOf(n))
const [noHeader, noMessage] = ['00', '0800070000000000ff']

sourceSuite({
  name: 'of sandboxes, on a socket of packets',
  make: async () => under([paths.map(gvisorOpen)]),
  makeIdle: async () => under([]),
  makeLossy: async () => {
    const sent = [gvisorOpen(pathOf(1)), noHeader, noMessage, gvisorOpen(pathOf(2))]
    return { ...under([sent], [pathOf(2)]), losses: 2 }
  },
  makeBroken: async () => ({
    ...under([]),
    source: new ListenSource('unix:/dev/null/gvisor.sock?format=gvisor', { node: 'n1' }),
    code: 'LISTEN_FAILED',
  }),
})

function under(
  peers: readonly (readonly string[])[],
  expected: readonly string[] = paths,
): SourceUnderTest {
  const folder = mkdtempSync('/tmp/snug-packets-')
  const path = join(folder, 'gvisor.sock')
  return {
    source: new ListenSource(`unix:${path}?format=gvisor`, { node: 'n1' }),
    expected,
    name: (event: SnugEvent) => (event.kind === 'file' ? event.file.path : undefined),
    act: async () => {
      for (const packets of peers) await sendPackets(path, packets)
    },
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
