import { z } from 'zod'
import { packageUses } from './package-use.ts'
import { severityNames } from './report.ts'

/** The stored findings of a scan: the nearest to running. The others are in its counts. */
export const findingsKept = 1_000
export const textKept = 500

const text = z.string().max(textKept)
const count = z.int().min(0)

const finding = z.strictObject({
  id: text,
  severity: z.enum(severityNames),
  package: text,
  version: text,
  fixed: z.array(text).max(20),
  use: z.enum(packageUses),
  why: text,
})

/** The part of a submitted scan that an agent keeps beside the version. */
export const keptScan = z.strictObject({
  coverage: text,
  counts: z.strictObject({
    'in-use': count,
    loaded: count,
    unknown: count,
    'not-seen': count,
  }),
  /** Nearest to running first. */
  findings: z.array(finding).max(findingsKept),
})

export type KeptScan = z.output<typeof keptScan>

export const scanRecordSchema = keptScan.extend({ at: z.string(), by: z.string() })

/** A submitted scan of a version. Plain data: it is stored. */
export type ScanRecord = z.output<typeof scanRecordSchema>
