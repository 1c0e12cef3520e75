import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { LifeStage, LifeView } from '../../api/page-views.ts'
import type { AuditView } from '../../api/review-views.ts'
import { type Mode, modes, type VersionState, versionStates } from '../../core/lifecycle/mode.ts'
import { markOf } from './timeline-marks.ts'

/** The state changes of a version, from the audit, as far back as that was read. `entries`: oldest first. */
export function lifeOf(version: DeployedVersion, entries: readonly AuditView[]): LifeView {
  const { key, image, tags, firstSeen, lastSeen, running } = version
  const own = entries.filter((entry) => isAbout(entry, key))
  const stages = stagesOf(version, own)
  return {
    ref: key,
    digest: image.digest,
    tags: [...tags].sort(),
    from: stages[0]?.from ?? firstSeen,
    ...(running > 0 ? {} : { to: lastSeen }),
    stages,
    marks: own.filter(({ what }) => what !== 'lifecycle').map(markOf),
  }
}

/** A decision on several versions names the others in `images`. */
function isAbout({ image, images }: AuditView, key: string): boolean {
  return image === key || (Array.isArray(images) && images.includes(key))
}

function stagesOf(
  { firstSeen, life, shownState, shownBecause }: DeployedVersion,
  own: readonly AuditView[],
): readonly LifeStage[] {
  const steps = own.filter(({ what }) => what === 'lifecycle')
  const stages: LifeStage[] = []
  let now: LifeStage = { ...first(steps[0], life), from: firstSeen, because: 'its first container' }
  for (const { time, to, because } of steps) {
    const next = stageOf(to)
    if (next === undefined) continue
    stages.push({ ...now, to: time })
    now = { ...next, from: time, because: typeof because === 'string' ? because : '' }
  }
  // Recorded events may be older or newer than the agent that read them.
  if (stages.length === 0 && now.from > new Date(life.learningSince).toISOString()) {
    now = { ...now, from: new Date(life.learningSince).toISOString() }
  }
  stages.push({ ...now, state: shownState, because: shownBecause })
  return stages
}

type Stage = Pick<LifeStage, 'state' | 'mode'>

function first(step: AuditView | undefined, life: DeployedVersion['life']): Stage {
  return stageOf(step?.['from']) ?? { state: life.state, mode: life.mode }
}

function stageOf(value: unknown): Stage | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { state, mode } = value as { readonly state?: unknown; readonly mode?: unknown }
  const found = versionStates.find((each) => each === state)
  const foundMode = modes.find((each) => each === mode)
  if (found === undefined || foundMode === undefined) return undefined
  return { state: found satisfies VersionState, mode: foundMode satisfies Mode }
}
