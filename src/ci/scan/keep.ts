import type { JoinedScan } from './join.ts'
import { findingsKept, type KeptScan, textKept } from '../../supplychain/findings/kept-scan.ts'

/** Reduces the scan to the stored part. */
export function keptOf({ coverage, counts, findings }: JoinedScan): KeptScan {
  return {
    coverage: short(coverage),
    counts,
    findings: findings.slice(0, findingsKept).map(({ id, severity, use, why, ...one }) => ({
      id: short(id),
      severity,
      package: short(one.package),
      version: short(one.version),
      fixed: one.fixed.slice(0, 20).map(short),
      use,
      why: short(why),
    })),
  }
}

function short(text: string): string {
  return text.length <= textKept ? text : `${text.slice(0, textKept - 1)}…`
}
