import { readFileSync } from 'node:fs'
import type { SnugEvent } from '../../../src/core/event/event.ts'
import { EventLineReader } from '../../../src/core/event/event-line-reader.ts'
import { parseEventLine } from '../../../src/core/event/parse-event.ts'
import { SnugError } from '../../../src/errors.ts'
import { EventLineParser } from '../../../src/agent/pipeline/sources/event-lines.ts'
import { editedJson } from './edited-json.ts'
import { coded, jsonOf, same } from './expect-coded.ts'

const seeds = readFileSync(new URL('../corpus/event-lines/all', import.meta.url), 'utf8')
  .split('\n')
  .map(jsonOf)

/**
 * NDJSON as a peer sends it, or events with edited members. The fast reader must read each line as the plain one does.
 */
export function fuzz(data: Buffer): void {
  const reader = new EventLineReader()
  const lines =
    data[0] === 0x7b
      ? data.toString('utf8').split('\n').slice(0, 20)
      : [seeds[(data[0] ?? 0) % seeds.length], editedJson(data, seeds)].flatMap((value) =>
          value === undefined ? [] : [JSON.stringify(value)],
        )
  for (const line of lines) {
    const plain = outcomeOf(() => parseEventLine(line))
    same(
      outcomeOf(() => reader.read(line)),
      plain,
      'the fast reader',
    )
    if (typeof plain === 'string') continue
    same(parseEventLine(JSON.stringify(plain)), plain, 'an event that was written and read')
  }
  const parser = new EventLineParser()
  const cut = (data[0] ?? 0) % (data.length + 1)
  coded(() => parser.push(data.subarray(0, cut)))
  coded(() => parser.push(data.subarray(cut)))
}

function outcomeOf(read: () => SnugEvent): SnugEvent | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof SnugError) return error.code
    throw error
  }
}
