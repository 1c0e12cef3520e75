import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { writeOutputFile } from '../../src/cli/input/output-file.ts'

it('a report is written, or refused by a code that names the file', () => {
  const folder = mkdtempSync('/tmp/snug-report-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.md')
  writeOutputFile(file, 'text')
  expect(readFileSync(file, 'utf8')).toBe('text')
  const absent = join(folder, 'absent/report.md')
  for (const wrong of [folder, absent]) {
    expect(() => writeOutputFile(wrong, 'text')).toThrow(
      expect.objectContaining({
        code: 'REPORT_UNWRITABLE',
        message: expect.stringContaining(wrong),
      }),
    )
  }
})
