import { parseReport } from '../../../src/ci/scan/parse-report.ts'
import { editedJson, seedsOf } from './edited-json.ts'
import { coded } from './expect-coded.ts'

const seeds = seedsOf('reports')

/** A report of a scanner. */
export function fuzz(data: Buffer): void {
  const value = editedJson(data, seeds)
  if (value !== undefined) coded(() => parseReport(value))
}
