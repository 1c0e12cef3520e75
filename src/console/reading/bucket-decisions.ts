import { type Author, timeAfter } from '../../core/lifecycle/author.ts'
import { decidedBy } from '../../core/lifecycle/decided-spec.ts'
import { type NewClosing, withClosing } from '../../core/lifecycle/shared-closing.ts'
import { isOver, orderedHold, releasedHold, unknownHold } from '../../core/lifecycle/shared-hold.ts'
import { Grants } from '../../core/profile/allowance.ts'
import type { Decision, ProfileEntry } from '../../core/profile/profile-entry.ts'
import { SnugError } from '../../errors.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import type { FleetBucket } from '../../fleet/nats/fleet-bucket.ts'
import {
  closingSubject,
  decisionKey,
  holdSubject,
  modeSubject,
} from '../../fleet/nats/fleet-keys.ts'
import { type DecisionContent, subjectOf } from '../../fleet/nats/fleet-values.ts'
import type { FleetSlice } from '../../fleet/slices/fleet-slices.ts'
import type { AlertEvidence } from './alert-evidence.ts'
import type { ImageDecision } from './console-fleet.ts'
import type { FleetReviewItem } from './views.ts'

export interface EvidenceOptions {
  /** What waits for review, of all profiles. */
  readonly waiting: () => readonly FleetReviewItem[]
  /** Errors: ALERT_LOG_UNAVAILABLE. */
  readonly evidence: (profile: string, ids: ReadonlySet<string>) => Promise<AlertEvidence>
}

interface BucketDecisionsOptions extends EvidenceOptions {
  readonly bucket: FleetBucket
  /** Milliseconds since 1970. */
  readonly now: () => number
}

interface DecidedVersion {
  readonly image: FleetImage
  readonly slices: ReadonlyMap<string, FleetSlice>
  /** As it is now. */
  readonly revision: () => string
}

type HoldChange = Extract<ImageDecision['change'], { readonly kind: 'hold' | 'release-hold' }>
type BehaviourAction = 'approve' | 'release' | 'reject'

/** In place of the name of a node, in a decision. */
export const consoleNode = 'console'
/** Decisions that are written at the same time. */
const atOnce = 64

/** Writes what people decide at the console into the bucket: each decision has a key. */
export class BucketDecisions {
  readonly #options: BucketDecisionsOptions

  constructor(options: BucketDecisionsOptions) {
    this.#options = options
  }

  /**
   * One write for each behaviour.
   *
   * Errors: REVISION_STALE, BEHAVIOUR_UNKNOWN where neither a slice nor an alert has the behaviour,
   * DECISION_INVALID, ALERT_LOG_UNAVAILABLE, and those of {@link FleetBucket.decide}.
   *
   * @returns the number of behaviours; undefined where it is on none
   */
  async decide(
    { profile, change, author, revision }: ImageDecision,
    version: DecidedVersion,
  ): Promise<number | undefined> {
    const { image } = version
    checkRevision(version, revision)
    const by = { by: author, at: new Date(this.#options.now()).toISOString() }
    if (change.kind === 'mode') {
      await this.#write(image, modeSubject, revision, (before) => ({
        mode: { mode: change.mode, by: author, at: timeAfter(before, by.at) },
      }))
      return undefined
    }
    if (change.kind === 'hold' || change.kind === 'release-hold') {
      await this.#holdBy(image, change, by, revision)
      return undefined
    }
    if (change.kind === 'close') {
      await this.#close(image, change.closing, by)
      return undefined
    }
    const actions = this.#actions(profile, change)
    const entries = await this.#entries(profile, version, actions)
    // Someone may have decided while the alerts were read.
    checkRevision(version, revision)
    for (let from = 0; from < entries.length; from += atOnce) {
      const some = entries.slice(from, from + atOnce)
      await settled(some.map((each) => this.#decideOn(image, each, actions, by, revision)))
    }
    return entries.length
  }

  /** Those that are over leave the bucket with the next one. */
  async #holdBy(
    image: FleetImage,
    change: HoldChange,
    by: Author,
    revision: string | undefined,
  ): Promise<void> {
    const id = change.kind === 'hold' ? change.hold.id : change.id
    await this.#write(image, holdSubject(id), revision, () => {
      if (change.kind === 'hold') return { hold: orderedHold(change.hold, by) }
      const stands = this.#options.bucket.decisions.holds(image).find((each) => each.id === id)
      if (stands === undefined) throw unknownHold(id)
      return { hold: releasedHold(stands, by, change.reason) }
    })
    const over = this.#options.bucket.decisions
      .holds(image)
      .filter((hold) => isOver(hold, this.#options.now()))
    await this.#leave(
      image,
      over.map((hold) => holdSubject(hold.id)),
    )
  }

  /** Those that are over leave the bucket with the next one. */
  async #close(image: FleetImage, incident: NewClosing, by: Author): Promise<void> {
    const standing = this.#options.bucket.decisions.closings(image)
    const after = withClosing(standing, by, incident)
    const [closing] = after.slice(-1)
    if (closing === undefined) return
    await this.#write(image, closingSubject(closing.id), undefined, () => ({ closing }))
    const over = standing.filter((each) => !after.includes(each))
    await this.#leave(
      image,
      over.map((each) => closingSubject(each.id)),
    )
  }

  /** After a decision is written. What cannot be removed now, as another replica does it, leaves later. */
  async #leave(image: FleetImage, subjects: readonly string[]): Promise<void> {
    const { bucket } = this.#options
    await Promise.allSettled(
      subjects.map(async (subject) => bucket.remove(decisionKey(image, subject))),
    )
  }

  async #decideOn(
    image: FleetImage,
    { grants, ...entry }: Undecided,
    actions: ReadonlyMap<string, BehaviourAction>,
    { by, at }: Author,
    revision: string | undefined,
  ): Promise<void> {
    const kind = decidedBy[actions.get(entry.id) ?? 'reject']
    await this.#write(image, entry.id, revision, (before) => {
      const decision: Decision = { kind, by, at: timeAfter(before, at), grants: grants.toJSON() }
      return { entry: { ...entry, cells: [], decision } }
    })
  }

  /** Over what stands. One that read a revision does not overwrite what came after it. */
  async #write(
    image: FleetImage,
    subject: string,
    revision: string | undefined,
    make: (before: Author | undefined) => DecisionContent,
  ): Promise<void> {
    let isAgain = false
    await this.#options.bucket.decide(image, subject, consoleNode, () => {
      if (isAgain && revision !== undefined) throw stale()
      isAgain = true
      const stands = this.#options.bucket.decisions
        .of(image)
        .find((each) => subjectOf(each) === subject)
      return make(stands && authorOf(stands))
    })
  }

  #actions(
    profile: string,
    change: Exclude<ImageDecision['change'], HoldChange | { readonly kind: 'mode' | 'close' }>,
  ): ReadonlyMap<string, BehaviourAction> {
    const actions = new Map<string, BehaviourAction>()
    if (change.kind === 'reject') {
      for (const id of change.behaviours) actions.set(id, 'reject')
      return actions
    }
    if (change.all) for (const id of this.#waiting(profile)) actions.set(id, 'approve')
    for (const id of change.behaviours) actions.set(id, 'approve')
    for (const id of change.quarantined) actions.set(id, 'release')
    if (actions.size === 0)
      throw new SnugError('DECISION_INVALID', 'nothing of this image waits here for review')
    return actions
  }

  /** Without quarantined ones: those are approved by name. */
  #waiting(profile: string): readonly string[] {
    return this.#options
      .waiting()
      .filter((item) => item.profile === profile && item.guardrails.length === 0)
      .flatMap(({ behaviours }) => behaviours)
  }

  async #entries(
    profile: string,
    version: DecidedVersion,
    actions: ReadonlyMap<string, BehaviourAction>,
  ): Promise<readonly Undecided[]> {
    const ids = new Set(actions.keys())
    const { forms, held } = await this.#options.evidence(profile, ids)
    for (const [id, action] of actions) {
      if (action !== 'approve' || !held.has(id)) continue
      const why = 'a guardrail fired on this behaviour: approve it as quarantined, or reject it'
      throw new SnugError('DECISION_INVALID', `\`${id}\`: ${why}`)
    }
    const found = new Map<string, Undecided>()
    for (const { id, actor, uid, object, cells, decision } of this.#published(version)) {
      if (!ids.has(id)) continue
      const entry = found.get(id) ?? undecided({ id, actor, uid, object })
      found.set(id, entry)
      for (const grant of [...cells, ...(decision?.grants ?? [])]) entry.grants.merge(grant)
    }
    for (const [id, shown] of forms) {
      for (const { actor, uid, object, origin, literal } of shown) {
        const entry =
          found.get(id) ?? undecided({ id: id as ProfileEntry['id'], actor, uid, object })
        found.set(id, entry)
        entry.grants.add(origin, literal)
      }
    }
    const missing = [...ids].filter((id) => !found.has(id))
    if (missing.length === 0) return [...found.values()]
    const which = missing.map((id) => `\`${id}\``).join(', ')
    throw new SnugError(
      'BEHAVIOUR_UNKNOWN',
      `${which}: no node published it, and no alert in memory has it`,
    )
  }

  *#published({ image, slices }: DecidedVersion): Iterable<ProfileEntry> {
    for (const { entries } of slices.values()) yield* entries
    for (const { entry } of this.#options.bucket.decisions.of(image))
      if (entry !== undefined) yield entry
  }
}

function checkRevision(version: DecidedVersion, read: string | undefined): void {
  if (read !== undefined && version.revision() !== read) throw stale()
}

/** A behaviour with all that was seen of it, which a decision covers. */
type Undecided = Omit<ProfileEntry, 'cells' | 'decision'> & { readonly grants: Grants }

function undecided(entry: Pick<ProfileEntry, 'id' | 'actor' | 'uid' | 'object'>): Undecided {
  return { schema: 'snug.behaviour/v1', ...entry, grants: new Grants() }
}

export function authorOf({ entry, mode, hold, closing }: DecisionContent): Author | undefined {
  return entry?.decision ?? mode ?? hold ?? closing
}

/** All of them are tried. Errors: the first one. */
async function settled(all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all))
    if (result.status === 'rejected') throw result.reason
}

function stale(): SnugError {
  return new SnugError('REVISION_STALE', 'this image changed after you read it')
}
