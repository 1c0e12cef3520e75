import { createInterface } from 'node:readline/promises'
import { SnugError } from '../../errors.ts'
import type { CliIo } from '../cli-io.ts'

/**
 * Asks on a terminal before a command changes many things at once. Scripts have no terminal and are not asked.
 *
 * Errors: NOT_CONFIRMED where the answer is not yes.
 */
export async function confirm(io: CliIo, question: string, yes: boolean): Promise<void> {
  if (yes || !io.interactive) return
  const lines = createInterface({ input: io.stdin, output: io.stderr })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: io.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    lines.close()
  }
  throw new SnugError('NOT_CONFIRMED', 'nothing was changed')
}
