import type { SnugEvent } from '../../../src/core/event/event.ts'
import { parseEventLine } from '../../../src/core/event/parse-event.ts'
import { EventLineParser } from '../../../src/agent/pipeline/sources/event-lines.ts'
import { sensorFormats } from '../../../src/agent/pipeline/sources/line-formats.ts'
import { same } from './expect-coded.ts'

const now = new Date('2026-11-24T13:40:27.000Z')

/** Lines of another sensor, which the first byte chooses. What becomes of them must be valid events. */
export function fuzz(data: Buffer): void {
  const format = sensorFormats[(data[0] ?? 0) % sensorFormats.length]
  if (format === undefined) return
  const { name: source } = format
  const mapper = format.open({ node: 'n1', source, now: () => now, ignore: () => undefined })
  const parser = new EventLineParser(mapper.take)
  const { events } = parser.push(Buffer.concat([data.subarray(1), Buffer.from('\n')]))
  const late: SnugEvent[] = []
  mapper.settle?.(late, true)
  for (const event of [...events, ...late]) {
    same(parseEventLine(JSON.stringify(event)), event, 'an event that was written and read')
  }
}
