import { writeFileSync } from 'node:fs'
import { SnugError } from '../../errors.ts'

/** Errors: REPORT_UNWRITABLE */
export function writeOutputFile(file: string, content: string | Uint8Array, mode = 0o666): void {
  try {
    writeFileSync(file, content, { mode })
  } catch (cause) {
    throw new SnugError('REPORT_UNWRITABLE', `cannot write \`${file}\``, { cause })
  }
}
