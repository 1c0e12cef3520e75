import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { describeError, SnugError } from '../../errors.ts'
import type { ActEvent } from '../../core/event/event.ts'
import { parseEventLine } from '../../core/event/parse-event.ts'
import { shippedRulesDir } from './load-rules.ts'

/** A recorded attack: what an intruder did from within a service, event by event. */
export interface AttackTrace {
  readonly name: string
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[]
  /** The executable and the uid of the service as they were recorded. */
  readonly service: string
  readonly uid: number
  readonly events: readonly ActEvent[]
}

const traceSchema = z.object({
  trace: z.object({
    name: z.string(),
    attack: z.array(z.string()),
    service: z.string(),
    uid: z.number(),
  }),
})

/**
 * The traces of a folder, one file of NDJSON each; without a folder, those installed with this code. Each line is an
 * event with one more member, `trace`, which names its trace.
 *
 * Errors: RULES_INVALID, with the file.
 */
export function loadAttacks(dir: string = join(shippedRulesDir(), 'attacks')): AttackTrace[] {
  return namesIn(dir).map((name) => readTrace(join(dir, name)))
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith('.ndjson'))
      .sort()
  } catch (error) {
    throw new SnugError('RULES_INVALID', `cannot read \`${dir}\``, { cause: error })
  }
}

function readTrace(file: string): AttackTrace {
  try {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    const [first = ''] = lines
    const { trace } = traceSchema.parse(JSON.parse(first))
    const events: ActEvent[] = []
    for (const line of lines) {
      const event = parseEventLine(line)
      if (event.kind !== 'loss') events.push(event)
    }
    return { ...trace, events }
  } catch (error) {
    throw new SnugError(
      'RULES_INVALID',
      `\`${file}\` is not an attack trace: ${describeError(error)}`,
    )
  }
}
