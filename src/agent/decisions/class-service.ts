import { openClassId } from '../../core/behaviour/any-program.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { classEntries, type VersionClass } from '../../core/lifecycle/open-version.ts'
import { openFoldersOf } from '../../core/match/open-folders.ts'
import type { DecisionInput } from '../../core/profile/entry-decisions.ts'
import { SnugError } from '../../errors.ts'
import type { Decider } from '../../api/engine.ts'
import type { Agent } from '../engine/agent.ts'
import { decisionOf } from '../pipeline/judge/profile-decisions.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { changesBy, commitDecision } from './commit-decision.ts'

/** Adds the class and its folders to the profile, as its window shows them now. Returns their ids. */
export function takeIn(
  { profile }: DeployedVersion,
  decision: DecisionInput,
  isOfPrograms: (guardrail: string) => boolean,
): readonly BehaviourId[] {
  const entries = classEntries(openFoldersOf(profile.outline(), isOfPrograms), decision)
  profile.merge(entries)
  return entries.map(({ id }) => id)
}

/** The window has ended: what it showed is a part of the class from now on. Nothing of a version that is not open. */
export function settleClass(
  version: DeployedVersion,
  isOfPrograms: (guardrail: string) => boolean,
): void {
  const decision = version.profile.openDecision
  if (decision === undefined) return
  const { grants: _, kind: __, ...author } = decision
  takeIn(version, { ...author, kind: 'approved' }, isOfPrograms)
  version.news = true
}

/** A person's decision on whether the set of programs of a version is expected to close. */
export class ClassService {
  readonly #agent: Agent

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Errors: DECISION_INVALID without a reason, or where it is closed already */
  async set(ref: string, to: VersionClass, by: Decider): Promise<DeployedVersion> {
    const { registry, parts } = this.#agent
    const version = registry.index.findOne(ref)
    const { profile } = version
    if (by.reason === undefined && by.at === undefined)
      throw new SnugError('DECISION_INVALID', 'a reason is required')
    const before = profile.isOpen ? 'open' : 'closed'
    if (to === 'closed' && before === 'closed')
      throw new SnugError('DECISION_INVALID', `\`${ref}\` is of no class`)
    const decision = decisionOf(by, this.#agent.now())
    const decide = (): void => {
      if (to === 'closed') profile.decide(openClassId, { ...decision, kind: 'rejected' })
      else takeIn(version, decision, (id) => parts.guardrails.isOfPrograms(id))
    }
    const changes = changesBy(version, [openClassId], decide)
    const fields = { class: to, before, changes, ...this.#folders(version) }
    await commitDecision(this.#agent, version, { what: 'class', by, fields, expects: true })
    // What was open is judged again, also where the kernel only counted it.
    registry.renew(version)
    return version
  }

  #folders({ profile }: DeployedVersion): Readonly<Record<string, readonly string[]>> {
    if (!profile.isOpen) return {}
    const { guardrails } = this.#agent.parts
    const { programs, work } = openFoldersOf(profile.outline(), (id) => guardrails.isOfPrograms(id))
    return { programs: programs.within, work: work.within }
  }
}
