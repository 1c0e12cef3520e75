import { setImmediate as nextTurn } from 'node:timers/promises'
import { SnugError } from '../../errors.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { describeBehaviour } from '../../core/behaviour/describe.ts'
import type { PreparedDecision } from '../../core/profile/entry-decisions.ts'
import type { Steps } from '../../core/steps.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { revisionOf } from '../reading/live/revision.ts'

/** Behaviours of one version that are decided on. */
export interface DecidedPart {
  readonly version: DeployedVersion
  readonly ids: readonly BehaviourId[]
}

/** What a decision on a part is recorded as, as far as it is known before. */
export interface Preparation {
  readonly seen: PreparedDecision
  /** The line for people of each behaviour. */
  readonly texts: ReadonlyMap<BehaviourId, string>
}

export interface CardPreparation {
  readonly prepared: readonly Preparation[]
  /** Ids of alerts. */
  readonly answered: readonly string[]
}

/** Decisions on more behaviours are prepared beside judging. */
export const decidedAtOnce = 250

export function isLarge(parts: readonly DecidedPart[]): boolean {
  return parts.reduce((sum, { ids }) => sum + ids.length, 0) > decidedAtOnce
}

/**
 * Prepares a decision on many behaviours in slices. It changes nothing: the decision itself is one step afterwards.
 *
 * Errors: REVISION_STALE where a version changed meanwhile, by another decision or a step of its lifecycle.
 */
export async function prepareDecision(
  { slices, registry }: Pick<AgentState, 'slices' | 'registry'>,
  parts: readonly DecidedPart[],
): Promise<readonly Preparation[]> {
  const versions = parts.map(({ version }) => version)
  return unlessChanged(registry, versions, () => slices.run('decision', steps(parts)))
}

/** Prepares the decision on a card, with the alerts that it answers. */
export function prepareCard(
  { slices, registry }: Pick<AgentState, 'slices' | 'registry'>,
  parts: readonly DecidedPart[],
  alerts: Steps<readonly string[]>,
): Promise<CardPreparation> {
  const versions = parts.map(({ version }) => version)
  return unlessChanged(registry, versions, () => slices.run('decision', cardSteps(parts, alerts)))
}

function* cardSteps(
  parts: readonly DecidedPart[],
  alerts: Steps<readonly string[]>,
): Steps<CardPreparation> {
  return { prepared: yield* steps(parts), answered: yield* alerts }
}

/**
 * Before a person ends a window. What happened in it belongs to it, so that is judged first: afterwards it would be a
 * deviation. Then, of a large one, the places of its evidence are derived in slices.
 *
 * @param caughtUp resolves once all is judged that was observed until now
 *
 * Errors: REVISION_STALE as above.
 */
export async function prepareEnd(
  { slices, registry, caughtUp }: EndContext,
  version: DeployedVersion,
): Promise<void> {
  if (version.life.state !== 'learning') return
  await unlessChanged(registry, [version], async () => {
    await caughtUp()
    if (version.profile.size <= decidedAtOnce) return
    await slices.run('places', version.profile.prepareSettle())
  })
}

type EndContext = Pick<AgentState, 'slices' | 'registry'> & {
  readonly caughtUp: () => Promise<void>
}

async function unlessChanged<T>(
  { index }: AgentState['registry'],
  versions: readonly DeployedVersion[],
  prepare: () => Promise<T>,
): Promise<T> {
  const revision = revisionOf(versions)
  const prepared = await prepare()
  // The last slice is a turn, and the decision another.
  await nextTurn()
  const isSame = versions.every((version) => index.has(version))
  if (isSame && revisionOf(versions) === revision) return prepared
  throw new SnugError('REVISION_STALE', 'the image changed while the decision was prepared')
}

function* steps(parts: readonly DecidedPart[]): Steps<readonly Preparation[]> {
  const prepared: Preparation[] = []
  for (const { version, ids } of parts) {
    const { profile } = version
    const texts = new Map<BehaviourId, string>()
    for (const id of ids) {
      const subject = profile.subject(id)
      if (subject !== undefined) texts.set(id, describeBehaviour(subject))
      yield
    }
    prepared.push({ texts, seen: yield* profile.prepareDecision(ids) })
  }
  return prepared
}
