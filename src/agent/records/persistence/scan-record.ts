import { type ScanRecord, scanRecordSchema } from '../../../supplychain/findings/kept-scan.ts'
import type { StoreWrite } from '../store/store.ts'
import type { DeployedVersion } from '../versions/deployed-version.ts'
import type { ScanView } from '../../../api/version-views.ts'

/** A separate record, because it is larger than the frequently changing state of a version. */
const recordOf = (version: DeployedVersion): string => `scan ${version.key}`

export function scanWrite(version: DeployedVersion): StoreWrite {
  return { kind: 'meta', key: recordOf(version), value: version.scan }
}

export function scanRemoval(version: DeployedVersion): StoreWrite {
  return { kind: 'meta-removed', key: recordOf(version) }
}

/** Restores a stored scan. Throws a `ZodError` if it is unreadable. */
export function restoreScan(
  version: DeployedVersion,
  meta: Readonly<Record<string, unknown>>,
): void {
  version.scan = scanRecordSchema.optional().parse(meta[recordOf(version)])
}

export function scanView({ findings, ...scan }: ScanRecord, whole: boolean): ScanView {
  return whole ? { ...scan, findings } : scan
}
