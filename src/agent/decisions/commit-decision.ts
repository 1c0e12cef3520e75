import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { describeBehaviour } from '../../core/behaviour/describe.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Decider } from '../../api/engine.ts'

export interface DecisionCommit {
  readonly what: string
  readonly by: Decider
  readonly fields: Readonly<Record<string, unknown>>
  /** It changed the expected behaviour, and not only the response to a deviation. */
  readonly expects: boolean
  /** No person made it, so that each node makes it at the same time. */
  readonly isAutomatic?: boolean
}

/**
 * The common steps after a decision on a version: update the kernel, write the audit entry, store,
 * then answer.
 */
export function commitDecision(
  context: AgentState,
  version: DeployedVersion,
  commit: DecisionCommit,
): Promise<void> {
  return commitDecisionOnAll(context, [version], commit)
}

/** Commits one decision on several versions of an image: one audit entry names them all. */
export async function commitDecisionOnAll(
  context: AgentState,
  versions: readonly DeployedVersion[],
  { what, by, fields, expects, isAutomatic = false }: DecisionCommit,
): Promise<void> {
  const [first, ...others] = versions
  if (first === undefined) return
  const author = {
    ...(by.reason === undefined ? {} : { reason: by.reason }),
    ...(by.node === undefined ? {} : { node: by.node }),
  }
  for (const version of versions) {
    version.news = true
    // One with a time of its own was made elsewhere.
    if (by.at === undefined && !isAutomatic) version.decidedHere = true
    context.registry.events.emit('decided', version, expects)
  }
  const images = others.length === 0 ? {} : { images: versions.map(({ key }) => key) }
  context.journal.audit(what, by.who, { image: first.key, ...images, ...author, ...fields })
  // Nobody waits for the answer to others.
  if (by.at === undefined && !isAutomatic) await context.journal.decided()
  else await context.journal.persist()
}

/** One behaviour before and after a decision, for the audit. Its members are in the order in which they are hashed. */
export interface Change {
  readonly after: string
  readonly before: string
  readonly behaviour: BehaviourId
  readonly image?: string
  readonly text: string
}

/**
 * Applies a decision to these behaviours, and returns their new states.
 *
 * @param texts the lines of some or all of them; absent: they are made here
 */
export function changesBy(
  { profile }: DeployedVersion,
  ids: readonly BehaviourId[],
  decide: () => void,
  texts?: ReadonlyMap<BehaviourId, string>,
): readonly Change[] {
  const before = ids.map((id) => ({ subject: profile.subject(id), state: profile.state(id) }))
  decide()
  return ids.map((behaviour, i) => {
    const subject = before[i]?.subject ?? profile.subject(behaviour)
    return {
      after: profile.state(behaviour) ?? 'gone',
      before: before[i]?.state ?? 'unknown',
      behaviour,
      text: texts?.get(behaviour) ?? (subject === undefined ? '' : describeBehaviour(subject)),
    }
  })
}

/** The changes of a decision on several versions name the version of each. */
export function changesIn({ key }: DeployedVersion, changes: readonly Change[]): readonly Change[] {
  return changes.map(({ after, before, behaviour, text }) => {
    return { after, before, behaviour, image: key, text }
  })
}

/** State and mode of a version, for the audit. */
export function enforcementSnapshot({ life }: DeployedVersion): Readonly<Record<string, unknown>> {
  const { state, mode, blocking, breakGlass } = life
  return {
    state,
    mode,
    ...(blocking?.canary === undefined ? {} : { canary: blocking.canary }),
    ...(blocking?.disarmedAt === undefined ? {} : { disarmedAt: blocking.disarmedAt }),
    ...(breakGlass === undefined ? {} : { breakGlassUntil: breakGlass.until }),
  }
}
