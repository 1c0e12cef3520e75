import { type BehaviourKind, behaviourKinds } from '../../core/event/event-words.ts'
import { defaultBlockRules } from '../../core/lifecycle/blocking.ts'
import { withTrusted } from '../../core/lifecycle/trusted.ts'
import type { GuardrailRules } from '../../core/match/rules-schema.ts'
import { SnugError } from '../../errors.ts'
import type { EbpfSource } from '../pipeline/sources/ebpf/ebpf-source.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { observedOf } from '../../supplychain/export/profile-document.ts'
import { stopsOf } from '../../support/telemetry/host-acts.ts'
import type { JobRun } from '../../api/engine.ts'
import type { Daemon } from './daemon.ts'

/** What a job shows in its first runs is learned, whatever it is: a person reads the profile. */
export function learningAll({ guardrails, ...rules }: GuardrailRules): GuardrailRules {
  return { ...rules, guardrails: guardrails.map((rule) => ({ ...rule, novel: true })) }
}

/** Only these are stopped: a job runs programs, listens and uses the rights that it has. */
const stopped: readonly BehaviourKind[] = ['file', 'connect', 'syscall']

/** Gives the job the profile of earlier runs, before it starts. `audit`: it learns on, and is judged by it meanwhile. */
export function judgeJob(
  { registry }: Daemon,
  { image, judged }: JobRun,
  nowMs: number,
): DeployedVersion | undefined {
  if (judged === undefined) return undefined
  const { profile, mode } = judged
  const version = registry.ofImage(image, new Date(nowMs).toISOString())
  const kinds = observedOf(profile)
  version.profile.merge(profile.behaviours)
  version.watchedFor(kinds)
  if (mode === 'audit') {
    version.judgedByPrior(kinds)
    return version
  }
  const rules = { ...defaultBlockRules, canary: 1 }
  const trusted = { mode, rules, came: 'the job has a profile of earlier runs' } as const
  const { version: life, transitions } = withTrusted(version.life, trusted, nowMs)
  const disarmed = behaviourKinds.filter((kind) => !stopped.includes(kind))
  const blocking = { since: nowMs, disarmedAt: nowMs, disarmed }
  registry.lifecycle.apply(version, { version: { ...life, blocking }, transitions })
  return version
}

/** What has to be refused before it happens: SIGKILL would end the job. */
const refused = ['open', 'connect', 'send'] as const

/** Errors: JOB_UNBLOCKED where this host or the kernel would not stop what `block` promises */
export async function mustBlock(
  source: EbpfSource,
  daemon: Daemon,
  version: DeployedVersion,
): Promise<void> {
  const stops = stopsOf([source.stats.facts])
  const lacks = stops.filter(
    ({ act, how }) => refused.some((one) => one === act) && how !== 'blocked',
  )
  if (lacks.length > 0) {
    const acts = lacks.map(({ text }) => text).join(', ')
    throw new SnugError('JOB_UNBLOCKED', `this kernel has no security hooks to refuse: ${acts}`)
  }
  await daemon.inflow.settled()
  if (daemon.kernel.profiles.standing(version).blocks) return
  const why =
    version.notes[0] ?? `no source observed ${version.unobserved.join(', ')} in earlier runs`
  throw new SnugError('JOB_UNBLOCKED', why)
}
