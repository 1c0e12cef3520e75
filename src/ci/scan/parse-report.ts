import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { isCycloneDx, readCycloneDx } from './cyclonedx.ts'
import { isGrype, readGrype } from './grype.ts'
import type { ScanReport } from '../../supplychain/findings/report.ts'
import { isSarif, readSarif } from './sarif-report.ts'
import { isSpdx, readSpdx } from './spdx.ts'
import { isTrivy, readTrivy } from './trivy.ts'

/**
 * Recognises the format by the content.
 *
 * Errors: REPORT_INVALID where it is none of the supported formats
 */
export function parseReport(value: unknown): ScanReport {
  try {
    return readReport(value)
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause
    const where = cause.issues[0]?.path.join('.') ?? ''
    throw new SnugError('REPORT_INVALID', `\`${where}\` does not match the format`, {
      cause,
    })
  }
}

function readReport(value: unknown): ScanReport {
  if (isCycloneDx(value)) return readCycloneDx(value)
  if (isSpdx(value)) return readSpdx(value)
  if (isTrivy(value)) return readTrivy(value)
  if (isSarif(value)) return readSarif(value)
  if (isGrype(value)) return readGrype(value)
  throw new SnugError('REPORT_INVALID', 'it is neither a report of Trivy or Grype nor an SBOM')
}
