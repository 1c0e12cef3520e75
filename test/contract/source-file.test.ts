import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FileSource } from '../../src/agent/pipeline/sources/file-source.ts'
import { eventLine } from '../fixtures/event-line.ts'
import { type SourceUnderTest, sourceSuite } from './source-suite.ts'

const paths = Array.from({ length: 500 }, (_, n) => `/srv/data/file-${n}`)

sourceSuite({
  name: 'file',
  make: async () => under((path) => writeFileSync(path, paths.map(line).join(''))),
  makeIdle: async () => under((path) => execFileSync('mkfifo', [path])),
  makeLossy: async () => {
    const text = `${line('/a')}not json\n${line('/b')}${'x'.repeat(2 << 20)}\n${line('/c')}{"v":1,"ti`
    return { ...under((path) => writeFileSync(path, text)), losses: 3 }
  },
  makeBroken: async () => ({ ...under(() => undefined), code: 'SOURCE_UNREADABLE' }),
})

function under(prepare: (path: string) => void): SourceUnderTest {
  const folder = mkdtempSync('/tmp/snug-source-')
  const path = join(folder, 'events.ndjson')
  prepare(path)
  return {
    source: new FileSource({ path, node: 'n1' }),
    expected: paths,
    name: (event) => (event.kind === 'file' ? event.file.path : undefined),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function line(path: string): string {
  return `${eventLine(path)}\n`
}
