import type { FleetMode, ImageProfile } from './fleet-objects.ts'

type Spec = ImageProfile['spec']

/** Behaviours to approve, by id. */
export interface Approval {
  readonly all: boolean
  readonly behaviours: readonly string[]
  /** Although a guardrail keeps them in quarantine. */
  readonly quarantined: readonly string[]
}

/**
 * The changes to `spec` that approve these, as JSON merge patches. An agent applies a decision once, so one that the
 * object has already is removed first. A rejection of the same behaviour ends.
 */
export function approvalSteps(spec: Spec, approval: Approval): readonly object[] {
  const { all, behaviours, quarantined } = approval
  const { approve = {}, reject = {} } = spec
  const before = { behaviours: approve.behaviours ?? [], quarantined: approve.quarantined ?? [] }
  const kept = {
    behaviours: without(before.behaviours, behaviours),
    quarantined: without(before.quarantined, quarantined),
  }
  const repeats =
    (all && approve.all === true) ||
    kept.behaviours.length < before.behaviours.length ||
    kept.quarantined.length < before.quarantined.length
  const rejected = reject.behaviours ?? []
  const stillRejected = without(rejected, [...behaviours, ...quarantined])
  const removal = {
    approve: { ...(all ? { all: null } : {}), ...kept },
  }
  const addition = {
    approve: {
      ...(all ? { all: true } : {}),
      ...(behaviours.length === 0 ? {} : { behaviours: [...kept.behaviours, ...behaviours] }),
      ...(quarantined.length === 0 ? {} : { quarantined: [...kept.quarantined, ...quarantined] }),
    },
    ...(stillRejected.length === rejected.length ? {} : { reject: { behaviours: stillRejected } }),
  }
  return repeats ? [removal, addition] : [addition]
}

/**
 * The changes to `spec` that reject these, as JSON merge patches. One that the object rejects already is removed first.
 * An approval of the same behaviour ends.
 */
export function rejectionSteps(spec: Spec, ids: readonly string[]): readonly object[] {
  const { approve = {}, reject = {} } = spec
  const rejected = reject.behaviours ?? []
  const kept = without(rejected, ids)
  const stillApproved = {
    ...withoutThese('behaviours', approve.behaviours, ids),
    ...withoutThese('quarantined', approve.quarantined, ids),
  }
  const addition = {
    reject: { behaviours: [...kept, ...ids] },
    ...(Object.keys(stillApproved).length === 0 ? {} : { approve: stillApproved }),
  }
  const repeats = kept.length < rejected.length
  return repeats ? [{ reject: { behaviours: kept } }, addition] : [addition]
}

/** The changes to `spec` that set this mode: one that stands there already is removed first, as it counts once. */
export function modeSteps(spec: Spec, mode: FleetMode): readonly object[] {
  return spec.mode === mode ? [{ mode: null }, { mode }] : [{ mode }]
}

function without(all: readonly string[], some: readonly string[]): readonly string[] {
  return all.filter((each) => !some.includes(each))
}

/** The list without them, under its name; nothing where it has none of them. */
function withoutThese(
  name: string,
  all: readonly string[] = [],
  some: readonly string[] = [],
): Readonly<Record<string, readonly string[]>> {
  const left = without(all, some)
  return left.length === all.length ? {} : { [name]: left }
}
