import type { KeptScan } from '../scan/kept-scan.ts'
import type { Daemon } from './daemon.ts'
import type { DeployedVersion } from './deployed-version.ts'
import type { Decider } from './engine.ts'

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
