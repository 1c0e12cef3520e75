import { writeFileSync } from 'node:fs'
import { SnugError } from '../../../errors.ts'

/** Errors: REPORT_UNWRITABLE */
export function writeTextFile(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    throw new SnugError('REPORT_UNWRITABLE', `cannot write \`${file}\``, { cause })
  }
}
