import type { KeptScan } from '../../../supplychain/findings/kept-scan.ts'
import type { AgentState } from '../agent-state.ts'
import type { DeployedVersion } from '../versions/deployed-version.ts'
import type { Decider } from '../../../api/engine.ts'

/** Replaces the previous scan. It decides on nothing: the profile is unchanged. */
export async function keepScan(
  context: AgentState,
  version: DeployedVersion,
  scan: KeptScan,
  by: Decider,
): Promise<void> {
  version.scan = { ...scan, at: by.at ?? new Date(context.now()).toISOString(), by: by.who }
  version.scanChanged = true
  context.journal.audit('scan', by.who, { image: version.key, counts: scan.counts })
  await context.journal.persist()
}
