import type { Shaper } from '../../core/behaviour/shape.ts'
import { describeError } from '../../errors.ts'
import type { Identifier } from '../pipeline/identity/identifier.ts'
import { type SourceBatch, type SourceControl, sourceMark } from '../pipeline/sources/source.ts'
import type { Holds } from '../enforcement/holds.ts'
import type { AlertStore } from '../records/alerts/alert-store.ts'
import type { Journal } from '../records/persistence/journal.ts'
import { holdsKey, restoreHolds } from '../records/persistence/hold-record.ts'
import { restoreNames } from '../records/persistence/names-record.ts'
import { restoreScan } from '../records/persistence/scan-record.ts'
import { restore, restoreLosses, restoreMessages } from '../records/persistence/stored-state.ts'
import { restoreWaiting } from '../records/persistence/waiting-record.ts'
import type { Store } from '../records/store/store.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'
import { Pace } from '../../support/pace.ts'
import type { Slices } from '../../support/slices.ts'
import type { Log } from '../../support/telemetry/log.ts'

/** What the stored state is loaded into. */
export interface LoadTarget {
  readonly store: Store
  readonly shaper: Shaper
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly holds: Holds
  readonly journal: Journal
  readonly names: Identifier['names']
  readonly slices: Slices
  readonly controls: () => Iterable<SourceControl>
  /** A record cannot be read. The others are loaded. */
  readonly damaged: (what: string, message: string) => void
  readonly log: Log
}

/** What the caller has to go on with. */
export interface LoadedState {
  /** RFC 3339: until when the daemon before observed. Absent: there was none. */
  readonly observedUntil: string | undefined
  /** What nobody has judged yet: the messages in their order, and their numbers in the store. */
  readonly waiting: { readonly messages: SourceBatch; readonly numbers: readonly number[] }
}

/** Reads the store beside other work. Errors: `STORE_FAILED` */
export async function loadState(target: LoadTarget): Promise<LoadedState> {
  const { store, shaper, slices, registry, alerts, journal, names, damaged, log } = target
  const restored = await restore(store, shaper, slices)
  const { snapshot, versions, unreadable } = restored
  const { meta } = snapshot
  const pace = new Pace()
  for (const version of versions) {
    if (pace.isOver) await pace.turn()
    registry.restore(version)
    try {
      restoreScan(version, meta)
    } catch (error) {
      damaged(`scan of ${version.key}`, describeError(error))
    }
  }
  for (const alert of restored.alerts) {
    if (pace.isOver) await pace.turn()
    alerts.load([alert])
  }
  for (const { message } of snapshot.damage) damaged('store damage', message)
  for (const { what, message } of unreadable) damaged(what, message)
  const losses = restoreLosses(meta['losses'])
  if (losses === undefined) damaged('losses', 'the stored losses of the node cannot be read')
  else registry.losses.load(losses)
  const held = restoreHolds(meta[holdsKey])
  if (held === undefined) damaged('holds', 'the stored holds of containers cannot be read')
  else target.holds.load(held)
  await journal.load(
    meta,
    restored.alerts.map(({ alert }) => alert),
  )
  const mark = meta['mark']
  if (typeof mark === 'string') {
    for (const control of target.controls()) control.resume?.(sourceMark(mark))
  }
  restoreNames(
    meta,
    (container, found) => names.restore(container, found),
    (key) => damaged(key, 'the stored names of addresses cannot be read'),
  )
  const { messages, numbers } = restoreWaiting(meta)
  const counts = { versions: versions.length, alerts: restored.alerts.length }
  log.info(counts, 'the stored state was restored')
  return {
    observedUntil: observedUntil(versions, meta['observedUntil']),
    waiting: { messages: [...restoreMessages(meta['unidentified']), ...messages], numbers },
  }
}

/** One that was killed before its first heartbeat observed at least until the last event that it stored. */
function observedUntil(versions: readonly DeployedVersion[], stored: unknown): string | undefined {
  const acts = versions.filter(({ running }) => running > 0).map(({ lastSeen }) => lastSeen)
  return [...acts, ...(typeof stored === 'string' ? [stored] : [])].sort().at(-1)
}
