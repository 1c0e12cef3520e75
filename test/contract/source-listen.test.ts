import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { ListenSource } from '../../src/agent/pipeline/sources/listen/listen-source.ts'
import { eventLine } from '../fixtures/event-line.ts'
import { falcoOpen } from '../fixtures/sensors/sensor-lines.ts'
import { post, reportToSocket } from '../fixtures/report-listener.ts'
import { type SourceUnderTest, sourceSuite } from './source-suite.ts'

const paths = Array.from({ length: 200 }, (_, n) => `/srv/data/file-${n}`)

interface Way {
  readonly name: string
  readonly line: (path: string) => string
  readonly spec: (folder: string) => string
  /** One peer sends all of these lines and disconnects. */
  readonly report: (place: string, lines: readonly string[]) => Promise<void>
}

const ways: readonly Way[] = [
  {
    name: 'on a unix socket',
    line: eventLine,
    spec: (folder) => `unix:${join(folder, 'events.sock')}`,
    report: (place, lines) => reportToSocket(place, lines.join('\n')),
  },
  {
    name: 'over HTTP, as Falco does: one alert a request',
    line: falcoOpen,
    spec: () => 'http:127.0.0.1:0?format=falco',
    report: async (place, lines) => {
      for (const line of lines) if ((await post(place, line)) === undefined) return
    },
  },
]

for (const way of ways) {
  sourceSuite({
    name: `of others, ${way.name}`,
    make: async () => under(way, [paths.map(way.line)]),
    makeIdle: async () => under(way, []),
    makeLossy: async () => {
      const bad = [way.line('/a'), 'not json', 'x'.repeat(2 << 20), way.line('/cut').slice(0, -9)]
      return { ...under(way, [bad, [way.line('/z')]], ['/z']), losses: 3 }
    },
    makeBroken: async () => ({
      ...under(way, []),
      source: new ListenSource('unix:/dev/null/events.sock', { node: 'n1' }),
      code: 'LISTEN_FAILED',
    }),
  })
}

function under(
  way: Way,
  peers: readonly (readonly string[])[],
  expected: readonly string[] = paths,
): SourceUnderTest {
  const folder = mkdtempSync('/tmp/snug-listen-')
  const source = new ListenSource(way.spec(folder), { node: 'n1' })
  return {
    source,
    expected,
    name: (event: SnugEvent) => (event.kind === 'file' ? event.file.path : undefined),
    act: async () => {
      for (const lines of peers) await way.report(source.stats.facts['address'] ?? '', lines)
    },
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
