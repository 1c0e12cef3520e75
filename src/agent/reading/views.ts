import { lineageName } from '../../core/event/image-key.ts'
import { placeJson } from '../../core/profile/place-json.ts'
import type { Coverage } from '../../core/coverage/coverage.ts'
import { type BlindContainers, blindnessText, blindText } from '../../core/sight/blindness.ts'
import { placeLine } from '../../core/profile/place-text.ts'
import type { KernelStanding } from '../enforcement/kernel-profiles.ts'
import type { LossSpan } from '../../core/event/event.ts'
import { isoOf } from '../../core/event/time.ts'
import { classPartText, isOfClass } from '../../core/behaviour/any-program.ts'
import { objectLine, objectText, witnessText } from '../../core/behaviour/describe.ts'
import type { Cell } from '../../core/profile/evidence.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import { type BehaviourState, shippedName, starterName } from '../../core/profile/profile-entry.ts'
import { compareText } from '../../core/compare-text.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { Steps } from '../../core/steps.ts'
import type { Blocking } from '../../core/lifecycle/blocking.ts'
import { enforcedOf } from '../enforcement/assignments.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { BehaviourView } from '../../api/profile-views.ts'
import type {
  BlockingView,
  ContainerView,
  LineageView,
  VersionView,
} from '../../api/version-views.ts'
import { revisionOf } from './live/revision.ts'
import { scanView } from '../records/persistence/scan-record.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'

/** The confirmed state of each version in the kernel. */
interface KernelStandings {
  standing(version: DeployedVersion): KernelStanding
}

export function* versionView(
  version: DeployedVersion,
  registry: VersionRegistry,
  kernel: KernelStandings,
  nowMs: number,
): Steps<VersionView> {
  // Of the time before the pauses: a decision on an older state is refused.
  const revision = revisionOf([version])
  const { coverage } = yield* registry.lifecycle.evidenceSteps(version, nowMs)
  const { states, shown } = yield* version.profile.tally()
  const { image, tags, life, blind } = version
  const open = openDecision(version)
  return {
    image,
    tags: [...tags].sort(compareText),
    state: version.shownState,
    mode: life.mode,
    ...(life.predecessor === undefined ? {} : { predecessor: life.predecessor }),
    firstSeen: version.firstSeen,
    lastSeen: version.lastSeen,
    learningSince: new Date(life.learningSince).toISOString(),
    ...(life.learnedAt === undefined ? {} : { learnedAt: new Date(life.learnedAt).toISOString() }),
    behaviours: shown - states.derived,
    pending: states.pending + states.quarantined,
    containers: { running: version.running, seen: version.runsSeen, before: version.runsBefore },
    ...(blind === undefined ? {} : { blind }),
    coverage:
      blind === undefined ? coverage : { ...coverage, sentence: blindCoverage(blind, coverage) },
    losses: version.losses.spans,
    because: version.shownBecause,
    notes: version.notes,
    ...(open === undefined ? {} : { open }),
    revision,
    ...(version.scan === undefined ? {} : { scan: scanView(version.scan, false) }),
    ...(life.blocking === undefined
      ? {}
      : { blocking: blockingView(version, life.blocking, kernel.standing(version), nowMs) }),
  }
}

function openDecision({ profile }: DeployedVersion): VersionView['open'] {
  const decision = profile.openDecision
  if (decision === undefined) return undefined
  const { by, at, reason } = decision
  return reason === undefined ? { by, at } : { by, at, reason }
}

function blindCoverage(blind: BlindContainers, { sentence }: Coverage): string {
  const seen = blind.running === blind.of ? '' : `; of the others: ${sentence}`
  return `blind, ${blindText(blind)}${seen}`
}

function blockingView(
  version: DeployedVersion,
  blocking: Blocking,
  kernel: KernelStanding,
  nowMs: number,
): BlockingView {
  const { breakGlass } = version.life
  const { since, canary, disarmedAt, disarmed } = blocking
  const isBroken = breakGlass !== undefined && nowMs < breakGlass.until
  return {
    armed: disarmedAt === undefined && !isBroken && kernel.blocks,
    kernel,
    since: new Date(since).toISOString(),
    ...(disarmedAt === undefined ? {} : { disarmedAt: new Date(disarmedAt).toISOString() }),
    ...(disarmed === undefined ? {} : { disarmed }),
    ...(canary === undefined
      ? {}
      : { canary: { fraction: canary.fraction, until: new Date(canary.until).toISOString() } }),
    ...(breakGlass === undefined
      ? {}
      : { breakGlass: { ...breakGlass, until: new Date(breakGlass.until).toISOString() } }),
    containers: containerViews(version),
  }
}

function containerViews(version: DeployedVersion): readonly ContainerView[] {
  const enforced = enforcedOf(version)
  return [...version.runs.values()]
    .filter(({ to }) => to === undefined)
    .map(({ container, name, blind }) => ({
      id: container,
      ...(name === undefined ? {} : { name }),
      enforced: enforced.has(container),
      ...(blind === undefined ? {} : { blind: blindnessText(blind) }),
    }))
}

export function* lineageViews(
  versions: Iterable<DeployedVersion>,
  registry: VersionRegistry,
  kernel: KernelStandings,
  nowMs: number,
): Steps<readonly LineageView[]> {
  const byRepository = new Map<string, VersionView[]>()
  for (const version of versions) {
    const view = yield* versionView(version, registry, kernel, nowMs)
    const name = lineageName(view.image)
    const list = byRepository.get(name)
    if (list === undefined) byRepository.set(name, [view])
    else list.push(view)
  }
  return [...byRepository]
    .map(([repository, list]) => ({
      repository,
      versions: list.sort((a, b) => compareText(a.firstSeen, b.firstSeen)),
    }))
    .sort((a, b) => compareText(a.repository, b.repository))
}

const why: Readonly<Record<BehaviourState, string>> = {
  learned: 'observed while the version was learning',
  approved: 'approved by a reviewer',
  rejected: 'rejected by a reviewer',
  pending: 'observed after learning: waits for review',
  quarantined: 'a guardrail fired on it: not learned until approved',
  apart: 'observed only in exec sessions: not behaviour of the service',
  derived:
    'follows from the files of the image: expected where the container did not change the file',
}

/** `expiresAt`: when (epoch milliseconds) unseen inherited behaviour expires; absent: not while it learns. */
export function behaviourView(
  entry: Readonly<LiveEntry>,
  profile: Profile,
  expiresAt?: number,
): BehaviourView {
  const { id, actor, uid, object, decision, state } = entry
  const inheritedOnly = entry.onlyInherited
  const from = entry.inherited?.from ?? ''
  const expires = inheritedOnly && expiresAt !== undefined && starterName(from) === undefined
  const cells = [...entry.allCells()]
  const union = (pick: (cell: Cell) => readonly string[]): string[] => {
    const found = new Set<string>()
    for (const cell of cells) for (const text of pick(cell)) found.add(text)
    return [...found].sort(compareText)
  }
  let [first, last] = [Infinity, -Infinity]
  for (const cell of cells) {
    first = Math.min(first, cell.first)
    last = Math.max(last, cell.last)
  }
  const allowance = profile.allowance(entry.key)
  const place = entry.place === undefined ? undefined : placeJson(entry.place)
  return {
    id,
    actor,
    uid,
    kind: object.kind,
    object: objectText(object),
    text: isOfClass(actor)
      ? classPartText(object)
      : place === undefined
        ? objectLine(object)
        : placeLine(place),
    ...(entry.within === undefined ? {} : { within: entry.within }),
    state: expires ? 'vanished' : state,
    why: inheritedOnly ? inheritedText(expiresAt, from) : why[state],
    generalised: allowance?.generalised === true,
    witnesses:
      place?.witnesses ??
      union((cell) =>
        (cell.witnesses?.literals.toJSON() ?? []).map((text) => witnessText(object, text)),
      ),
    origins: place?.origins ?? union((cell) => [cell.origin]),
    count: cells.reduce((sum, { count }) => sum + count, 0),
    containers: union((cell) => [cell.container]),
    sessions: union((cell) => (cell.session === undefined ? [] : [cell.session])),
    nodes: union((cell) => cell.nodes),
    sources: union((cell) => cell.sources),
    firstSeen: first > last ? '' : isoOf(first),
    lastSeen: first > last ? '' : isoOf(last),
    inherited: inheritedOnly,
    guardrails: union((cell) => cell.guardrails),
    ...(place === undefined ? {} : { place }),
    ...(decision === undefined || decision.kind === 'withdrawn'
      ? {}
      : {
          allowance: {
            by: decision.by,
            at: decision.at,
            ...(decision.until === undefined ? {} : { until: decision.until }),
            ...(decision.onlyUid === undefined ? {} : { onlyUid: decision.onlyUid }),
            ...(decision.onlyWorkload === undefined ? {} : { onlyWorkload: decision.onlyWorkload }),
          },
        }),
  }
}

/** @param from where the behaviour comes from, see `Inheritance` */
export function inheritedText(expiresAt: number | undefined, from = ''): string {
  const [shipped, starter] = [shippedName(from), starterName(from)]
  if (starter !== undefined)
    return `in the starter profile \`${starter}\`, not observed in this version yet: expected until it blocks`
  const origin =
    shipped === undefined
      ? 'inherited from the previous version'
      : `in the shipped profile \`${shipped}\``
  if (expiresAt === undefined) return `${origin}, not observed in this one yet`
  const until = new Date(expiresAt).toISOString()
  return `${origin}, not observed while this one learned: expected until ${until}`
}

/** The newest losses, of all reasons. */
export function recentLosses(spans: readonly LossSpan[], limit = 20): readonly LossSpan[] {
  return [...spans].sort((a, b) => compareText(b.to, a.to)).slice(0, limit)
}
