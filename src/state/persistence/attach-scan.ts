import type { KeptScan } from '../../supplychain/scan/kept-scan.ts'
import type { Daemon } from '../../engine/daemon.ts'
import type { DeployedVersion } from '../versions/deployed-version.ts'
import type { Decider } from '../../engine/api/engine.ts'

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
