import { z } from 'zod'
import { type KeptScan, keptScan } from '../scan/kept-scan.ts'
import type { StoreWrite } from '../store/store.ts'
import type { Daemon } from './daemon.ts'
import type { DeployedVersion } from './deployed-version.ts'
import type { Decider } from './engine.ts'
import type { ScanView } from './engine-views.ts'

const toldScan = keptScan.extend({ at: z.string(), by: z.string() })

/** A scan of a version, as somebody told it. Plain data: it is stored. */
export type ToldScan = z.output<typeof toldScan>

/** Takes the place of the one before. It decides on nothing: the profile stays as it is. */
export async function keepScan(
  daemon: Daemon,
  version: DeployedVersion,
  scan: KeptScan,
  by: Decider,
): Promise<void> {
  version.scan = { ...scan, at: by.at ?? new Date(daemon.now()).toISOString(), by: by.who }
  version.scanChanged = true
  daemon.journal.audit('scan', by.who, { image: version.key, counts: scan.counts })
  await daemon.journal.persist()
}

/** A record of its own: it is larger than what changes of a version all the time. */
const recordOf = (version: DeployedVersion): string => `scan ${version.key}`

export function scanWrite(version: DeployedVersion): StoreWrite {
  return { kind: 'meta', key: recordOf(version), value: version.scan }
}

/** Takes back what was stored. Throws a `ZodError` where it does not read. */
export function restoreScan(
  version: DeployedVersion,
  meta: Readonly<Record<string, unknown>>,
): void {
  version.scan = toldScan.optional().parse(meta[recordOf(version)])
}

export function scanView({ findings, ...scan }: ToldScan, whole: boolean): ScanView {
  return whole ? { ...scan, findings } : scan
}
