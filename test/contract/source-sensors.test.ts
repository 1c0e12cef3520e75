import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { sensorSource } from '../../src/agent/pipeline/sources/line-formats.ts'
import * as sensors from '../fixtures/sensors/sensor-lines.ts'
import { type SourceUnderTest, concurrentSourceSuite } from './source-suite.ts'

interface Sensor {
  readonly name: string
  /** Lines of the sensor; `expected` has the events that they report, named by `nameOf`. */
  readonly lines: readonly string[]
  readonly expected: readonly string[]
  /** Returns the complete line (or lines) that report an event on this path. */
  readonly line: (path: string) => string
}

const paths = Array.from({ length: 40 }, (_, n) => `/srv/data/file-${n}`)
const falcoLines = readFileSync(
  fileURLToPath(new URL('../fixtures/sensors/falco.ndjson', import.meta.url)),
  'utf8',
)
  .split('\n')
  // Falco did not resolve the address of this connection: it is a loss, tested below.
  .filter((line) => line !== '' && !line.includes('"feed connect"'))

const made = (line: (path: string) => string) => ({
  lines: paths.map(line),
  expected: paths.map((path) => `file ${path}`),
  line,
})

const all: readonly Sensor[] = [
  {
    name: 'falco',
    lines: falcoLines,
    expected: falcoLines.map((line) => {
      const { output_fields: fields } = JSON.parse(line) as {
        output_fields: Record<string, string>
      }
      const path = fields['fd.name'] ?? fields['proc.exepath']
      return `${fields['evt.type'] === 'openat' ? 'file' : 'exec'} ${path}`
    }),
    line: sensors.falcoOpen,
  },
  { name: 'tetragon', ...made(sensors.tetragonRead) },
  { name: 'tracee', ...made(sensors.traceeOpen) },
  { name: 'kubearmor', ...made(sensors.kubearmorOpen) },
  { name: 'audit', ...made(sensors.auditOpen) },
]

type Way = 'file' | 'pipe'

/** A named pipe ends with the signal only. */
function testSource(sensor: Sensor, way: Way): void {
  concurrentSourceSuite({
    name: `${sensor.name}, through a ${way}`,
    make: async () => under(sensor, `${sensor.lines.join('\n')}\n`, way),
    makeIdle: async () => under(sensor, '', way),
    makeLossy: async () => {
      const [a, b] = [sensor.line('/a'), sensor.line('/last')]
      const text = `${a}\nneither JSON nor a record\n${'x'.repeat(2 << 20)}\n${b}\n`
      return { ...under({ ...sensor, expected: ['file /last'] }, text, way), losses: 2 }
    },
    makeBroken: async () => ({
      ...under(sensor, '', way),
      source: source(sensor.name, '/nowhere/events.json'),
      code: 'SOURCE_UNREADABLE',
    }),
  })
}

for (const sensor of all) {
  testSource(sensor, 'file')
  if (sensor.name === 'tetragon') testSource(sensor, 'pipe')
}

function under(sensor: Sensor, text: string, way: Way): SourceUnderTest {
  const folder = mkdtempSync('/tmp/snug-source-')
  const path = join(folder, 'events.log')
  if (way === 'pipe') execFileSync('mkfifo', [path])
  else writeFileSync(path, '')
  return {
    source: source(sensor.name, path),
    expected: sensor.expected,
    name: nameOf,
    act: () => appendFile(path, text),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function source(name: string, path: string) {
  const found = sensorSource(`${name}:${path}`, { node: 'n1' })
  if (found === undefined) throw new Error(`no source ${name}`)
  return found
}

function nameOf(event: SnugEvent): string | undefined {
  if (event.kind === 'file') return `file ${event.file.path}`
  return event.kind === 'exec' ? `exec ${event.exec.path}` : undefined
}
