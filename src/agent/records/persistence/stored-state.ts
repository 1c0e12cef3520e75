import { z } from 'zod'
import type { Alert } from '../../../core/event/alert.ts'
import { describeError } from '../../../errors.ts'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import type { SourceBatch, SourceMessage } from '../../pipeline/sources/source.ts'
import type { Version } from '../../../core/lifecycle/version.ts'
import { behaviourKinds } from '../../../core/event/event-words.ts'
import { type Observable, observables, type Observed } from '../../../core/coverage/observable.ts'
import { Profile, type ProfileWrite } from '../../../core/profile/profile.ts'
import type { AnyStoredEntry, CountsOfWrite } from '../../../core/profile/stored-entry.ts'
import type { Shaper } from '../../../core/behaviour/shape.ts'
import type { AlertRecord } from '../alerts/alert-store.ts'
import type {
  Keyed,
  Store,
  StoredBehaviours,
  StoredVersion,
  StoreSnapshot,
  StoreWrite,
} from '../store/store.ts'
import { DeployedVersion, type ModeDecisions } from '../versions/deployed-version.ts'
import type { ReportedEvent, StoredReport } from '../versions/reported-acts.ts'
import type { Slotted } from '../versions/slots.ts'
import type { LedgerSpan } from '../versions/loss-ledger.ts'
import { Pace } from '../../../support/pace.ts'
import type { Slices } from '../../../support/slices.ts'

const text = z.string()
const span = z
  .object({ reason: text, count: z.number(), from: text, to: text, container: text.optional() })
  .transform(({ container, ...rest }) => (container === undefined ? rest : { ...rest, container }))
const stint = z.object({ from: text, to: text, before: z.boolean() })

const storedRun = z.object({
  run: z.object({
    container: text,
    name: text.exactOptional(),
    from: text,
    to: text.exactOptional(),
    before: z.boolean(),
    actsOnly: z.literal(true).exactOptional(),
    endUnseen: z.literal(true).exactOptional(),
    earlier: z.array(stint).exactOptional(),
    outside: z.literal(true).exactOptional(),
    blind: z.object({ why: z.enum(['own-kernel', 'unproven']), runtime: text }).exactOptional(),
    blindReported: z.literal(true).exactOptional(),
    proven: z.literal(true).exactOptional(),
  }),
  order: z.number(),
})

/** The stored fields of a version. Its behaviours, containers and reports are records of their own. */
const versionSchema = z.object({
  image: z.object({
    repository: text,
    tag: text.exactOptional(),
    digest: text,
    scope: text.exactOptional(),
  }),
  tags: z.array(text),
  life: z.custom<Version>(
    (value) => typeof value === 'object' && value !== null && 'state' in value,
  ),
  firstSeen: text,
  lastSeen: text,
  learnedSize: z.number(),
  /** Earlier agents stored containers with the version. */
  runs: z.array(storedRun.shape.run).default([]),
  runsSeen: z.number(),
  runsBefore: z.number(),
  losses: z.array(span),
  /** Earlier agents stored reports with the version. */
  reported: z.array(z.custom<ReportedEvent>()).default([]),
  identity: z.custom<ContainerIdentity>().optional(),
  otherDigests: z.array(text).default([]),
  imageIds: z.array(text).default([]),
  inherited: z.boolean().default(false),
  appliedSpec: z
    .object({
      decides: z.literal(true).exactOptional(),
      approvedAll: text.exactOptional(),
      closed: z.array(text).exactOptional(),
    })
    .default({}),
  modeDecisions: z
    .custom<ModeDecisions>((value) => typeof value === 'object' && value !== null)
    .default({}),
  revision: z.number().default(0),
  // Absent in older records, for which all kinds count as observed, and none of `partialObservables`: nobody observed them then.
  observed: z.array(z.enum(observables)).default([...behaviourKinds]),
  observedBefore: z.array(z.enum(observables)).default([...behaviourKinds]),
  alertedKinds: z.array(z.enum(observables)).default([]),
})

export function versionWrite(version: DeployedVersion): StoreWrite {
  const { key, image, tags, life, firstSeen, lastSeen, learnedSize, identity } = version
  const { runsSeen, runsBefore, losses } = version
  const { otherDigests, imageIds, inherited, appliedSpec, modeDecisions, revision } = version
  const { observed, observedBefore, alertedKinds } = version
  const value = {
    image,
    tags: [...tags],
    life,
    firstSeen,
    lastSeen,
    learnedSize,
    identity,
    runsSeen,
    runsBefore,
    losses: losses.spans,
    otherDigests: [...otherDigests],
    imageIds: [...imageIds],
    inherited,
    appliedSpec,
    modeDecisions,
    revision,
    observed: kindsOf(observed),
    observedBefore: kindsOf(observedBefore),
    alertedKinds: kindsOf(alertedKinds),
  }
  return { kind: 'version', version: key, value }
}

/** Each container and each report is a record: with the version, one more would write a thousand others again. */
export function slotWrites({ key, runs, reported }: DeployedVersion): readonly StoreWrite[] {
  return [
    ...writesOf(key, { put: 'run', removed: 'run-removed' }, runs.drainChanged()),
    ...writesOf(key, { put: 'report', removed: 'report-removed' }, reported.drainChanged()),
  ]
}

function writesOf(
  version: string,
  kinds:
    | { readonly put: 'run'; readonly removed: 'run-removed' }
    | { readonly put: 'report'; readonly removed: 'report-removed' },
  changed: readonly Slotted<unknown>[],
): readonly StoreWrite[] {
  return changed.map(({ slot, record }) => {
    const id = String(slot)
    if (record === undefined) return { kind: kinds.removed, version, id }
    return { kind: kinds.put, version, id, value: record }
  })
}

/** Without the behaviours, which are encoded one by one. */
export function profileWrites(
  version: string,
  { removed, counts, obsolete }: ProfileWrite,
): readonly StoreWrite[] {
  const writes: StoreWrite[] = []
  for (const id of removed) writes.push({ kind: 'behaviour-removed', version, id })
  if (counts !== undefined)
    writes.push({ kind: 'counts', version, id: String(counts.slot), value: counts })
  for (const slot of obsolete) writes.push({ kind: 'counts-removed', version, id: String(slot) })
  return writes
}

function kindsOf(observed: Observed): readonly Observable[] {
  return observables.filter((one) => observed.has(one))
}

/**
 * The loader reports an unreadable record and takes the rest: one damaged value must not cost the
 * others.
 */
export interface Unreadable {
  readonly what: string
  readonly message: string
}

export interface Restored {
  readonly versions: readonly DeployedVersion[]
  readonly alerts: readonly AlertRecord[]
  readonly unreadable: readonly Unreadable[]
}

/** Reads the store in slices, and makes the profiles of it while it is read. Errors: `STORE_FAILED`. */
export async function restore(
  store: Pick<Store, 'load'>,
  shaper: Shaper,
  slices: Slices,
): Promise<Restored & { readonly snapshot: StoreSnapshot }> {
  const profiles = new Map<string, () => Profile>()
  const snapshot = await store.load(async (version, stored) => {
    profiles.set(version, await profileOf(stored, shaper, slices))
  })
  const pace = new Pace()
  const unreadable: Unreadable[] = []
  const versions: DeployedVersion[] = []
  for (const stored of snapshot.versions) {
    if (pace.isOver) await pace.turn()
    try {
      const profile = profiles.get(stored.version)?.() ?? new Profile(shaper)
      versions.push(restoreVersion(stored, profile))
    } catch (error) {
      unreadable.push({ what: `version ${stored.version}`, message: describeError(error) })
    }
  }
  const alerts: AlertRecord[] = []
  for (const { id, value, fingerprint } of snapshot.alerts) {
    if (pace.isOver) await pace.turn()
    if (isAlert(value)) alerts.push({ alert: value, fingerprint })
    else unreadable.push({ what: `alert ${id}`, message: 'it is not an alert' })
  }
  return { versions, alerts, unreadable, snapshot }
}

/** What is wrong with them is reported with the version. */
async function profileOf(
  { behaviours, counts }: StoredBehaviours,
  shaper: Shaper,
  slices: Slices,
): Promise<() => Profile> {
  try {
    const stored = {
      entries: behaviours.map(({ value }) => value as AnyStoredEntry),
      counts: counts.map(({ value }) => value as CountsOfWrite),
    }
    const profile = await slices.run('restored profile', Profile.restore(stored, shaper))
    return () => profile
  } catch (error) {
    return () => {
      throw error
    }
  }
}

/** Stored losses of the whole node; undefined if they are unreadable. */
export function restoreLosses(value: unknown): readonly LedgerSpan[] | undefined {
  return z.array(span).default([]).safeParse(value).data
}

function restoreVersion(stored: StoredVersion, profile: Profile): DeployedVersion {
  const value = versionSchema.parse(stored.value)
  const version = new DeployedVersion(
    value.image,
    Object.freeze(value.life),
    profile,
    value.firstSeen,
  )
  for (const known of value.tags) version.tags.add(known)
  version.lastSeen = value.lastSeen
  version.learnedSize = value.learnedSize
  version.runsSeen = value.runsSeen
  version.runsBefore = value.runsBefore
  version.identity = value.identity
  version.losses.load(value.losses)
  for (const digest of value.otherDigests) version.otherDigests.add(digest)
  for (const id of value.imageIds) version.imageIds.add(id)
  version.inherited = value.inherited
  version.appliedSpec = value.appliedSpec
  version.modeDecisions = value.modeDecisions
  version.revision = value.revision
  version.observed = new Set(value.observed)
  version.observedBefore = new Set(value.observedBefore)
  for (const kind of value.alertedKinds) version.alertedKinds.add(kind)
  version.runs.restore(slotted(stored.runs, (record) => storedRun.parse(record)))
  for (const run of value.runs) version.runs.set(run.container, run)
  const reports = slotted(stored.reports, (record) => record as StoredReport)
  version.reported.restore(reports)
  for (const { record } of reports) restoreMeaning(version, record.act)
  for (const act of value.reported) {
    version.rememberReported(act)
    restoreMeaning(version, act)
  }
  // The next write of the version leaves out what earlier agents stored with it.
  version.changed = value.reported.length > 0 || value.runs.length > 0
  return version
}

function slotted<T>(
  stored: readonly Keyed[],
  read: (value: unknown) => T,
): readonly { readonly slot: number; readonly record: T }[] {
  return stored.map(({ id, value }) => ({ slot: Number(id), record: read(value) }))
}

function restoreMeaning(version: DeployedVersion, act: ReportedEvent): void {
  version.remember(act.key, act)
  version.reported.setAction(act.key, act.container, act.action)
}

function isAlert(value: unknown): value is Alert {
  return (
    typeof value === 'object' &&
    value !== null &&
    'schema' in value &&
    value.schema === 'snug.alert/v1' &&
    'event' in value
  )
}

const messages = z.array(
  z.custom<SourceMessage>(
    (value) => typeof value === 'object' && value !== null && 'type' in value,
  ),
)

/** Messages that waited for an identity, with the sensor's keys: their repeats may come as counts. */
export function restoreMessages(stored: unknown): SourceBatch {
  return messages.safeParse(stored).data ?? []
}
