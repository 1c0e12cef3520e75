import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { writeTextFile } from '../../../src/interfaces/cli/input/text-file.ts'

it('a report is written, or refused by a code that names the file', () => {
  const folder = mkdtempSync('/tmp/snug-report-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.md')
  writeTextFile(file, 'text')
  expect(readFileSync(file, 'utf8')).toBe('text')
  const absent = join(folder, 'absent/report.md')
  for (const wrong of [folder, absent]) {
    expect(() => writeTextFile(wrong, 'text')).toThrow(
      expect.objectContaining({
        code: 'REPORT_UNWRITABLE',
        message: expect.stringContaining(wrong),
      }),
    )
  }
})
