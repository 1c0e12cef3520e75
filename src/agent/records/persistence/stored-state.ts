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
  Store,
  StoredBehaviours,
  StoredVersion,
  StoreSnapshot,
  StoreWrite,
} from '../store/store.ts'
import { DeployedVersion, type ModeDecisions } from '../versions/deployed-version.ts'
import type { ReportedEvent, StoredReport } from '../versions/reported-acts.ts'
import type { LedgerSpan } from '../versions/loss-ledger.ts'
import { Pace } from '../../../support/pace.ts'
import type { Slices } from '../../../support/slices.ts'

const text = z.string()
const span = z
  .object({ reason: text, count: z.number(), from: text, to: text, container: text.optional() })
  .transform(({ container, ...rest }) => (container === undefined ? rest : { ...rest, container }))
const stint = z.object({ from: text, to: text, before: z.boolean() })

/** The stored fields of a version, without its behaviours. */
const versionSchema = z.object({
  image: z.object({
    repository: text,
    tag: text.optional(),
    digest: text,
    scope: text.optional(),
  }),
  tags: z.array(text),
  life: z.custom<Version>(
    (value) => typeof value === 'object' && value !== null && 'state' in value,
  ),
  firstSeen: text,
  lastSeen: text,
  learnedSize: z.number(),
  runs: z.array(
    z.object({
      container: text,
      name: text.optional(),
      from: text,
      to: text.optional(),
      before: z.boolean(),
      actsOnly: z.literal(true).optional(),
      endUnseen: z.literal(true).optional(),
      earlier: z.array(stint).optional(),
      outside: z.literal(true).optional(),
      blind: z.object({ why: z.enum(['own-kernel', 'unproven']), runtime: text }).optional(),
      blindReported: z.literal(true).optional(),
      proven: z.literal(true).optional(),
    }),
  ),
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
    .object({ decides: z.literal(true).exactOptional(), approvedAll: text.exactOptional() })
    .default({}),
  modeDecisions: z
    .custom<ModeDecisions>((value) => typeof value === 'object' && value !== null)
    .default({}),
  revision: z.number().default(0),
  // Absent in older records, for which all kinds count as observed, and none of `fileObservables`: nobody observed them then.
  observed: z.array(z.enum(observables)).default([...behaviourKinds]),
  observedBefore: z.array(z.enum(observables)).default([...behaviourKinds]),
  alertedKinds: z.array(z.enum(observables)).default([]),
})

export function versionWrite(version: DeployedVersion): StoreWrite {
  const { key, image, tags, life, firstSeen, lastSeen, learnedSize, identity } = version
  const { runs, runsSeen, runsBefore, losses } = version
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
    runs: [...runs.values()],
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

/** Each report is a record: with the version, one more would write a thousand others again. */
export function reportWrites({ key, reported }: DeployedVersion): readonly StoreWrite[] {
  return reported.drainChanged().map(({ slot, report }) => {
    const record = { version: key, id: String(slot) }
    if (report === undefined) return { kind: 'report-removed', ...record }
    return { kind: 'report', ...record, value: report }
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
  const { repository, tag, digest, scope } = value.image
  const image = {
    repository,
    digest,
    ...(tag === undefined ? {} : { tag }),
    ...(scope === undefined ? {} : { scope }),
  }
  const version = new DeployedVersion(image, Object.freeze(value.life), profile, value.firstSeen)
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
  for (const run of value.runs) {
    const { container, from, before, name, to, actsOnly, endUnseen, earlier, outside } = run
    const { blind, blindReported, proven } = run
    version.runs.set(container, {
      container,
      from,
      before,
      ...(name === undefined ? {} : { name }),
      ...(to === undefined ? {} : { to }),
      ...(actsOnly === undefined ? {} : { actsOnly }),
      ...(endUnseen === undefined ? {} : { endUnseen }),
      ...(earlier === undefined ? {} : { earlier }),
      ...(outside === undefined ? {} : { outside }),
      ...(blind === undefined ? {} : { blind }),
      ...(blindReported === undefined ? {} : { blindReported }),
      ...(proven === undefined ? {} : { proven }),
    })
  }
  const reports = stored.reports.map(({ id, value: report }) => {
    return { slot: Number(id), report: report as StoredReport }
  })
  version.reported.restore(reports)
  for (const { report } of reports) restoreMeaning(version, report.act)
  for (const act of value.reported) {
    version.rememberReported(act)
    restoreMeaning(version, act)
  }
  // The next write of the version leaves out what earlier agents stored with it.
  version.changed = value.reported.length > 0
  return version
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
