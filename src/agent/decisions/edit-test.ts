import type { AttackTrace } from '../../support/config/load-attacks.ts'
import type { Alert } from '../../core/event/alert.ts'
import { behaviourId, type BehaviourId } from '../../core/behaviour/behaviour.ts'
import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { Profile } from '../../core/profile/profile.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type {
  EditTestResult,
  EditTestRow,
  PermissiveView,
  ProfileEdit,
} from '../../api/review-views.ts'
import { type ExpectedAttack, expectedAttacks } from '../../supplychain/attack-traces.ts'
import { historyOf, type PastAct } from './history.ts'
import { behaviourOf } from './review-service.ts'
import { forgettingOf } from './unlearn.ts'

/** Maximum number of events and attacks in the result of each kind; all of them are counted. */
const rowsShown = 1_000

/** Judges the recorded events of a version against its profile as it is, and as it would be. */
export function testEdit(
  version: DeployedVersion,
  edit: ProfileEdit,
  alerts: Iterable<Alert>,
  traces: readonly AttackTrace[],
  nowMs: number,
): EditTestResult {
  const { profile } = version
  const now = nowMs * 1_000
  const entries = profile.entries()
  const before = Profile.load(entries, profile.shaper)
  const after = edited(version, edit, nowMs)
  const fires: EditTestRow[] = []
  const quiets: EditTestRow[] = []
  let still = 0
  const history = historyOf(entries, alerts, profile.shaper)
  for (const act of history) {
    const [was, is] = [before.isExpected(act.ref, now), after.isExpected(act.ref, now)]
    if (was && !is) fires.push(rowOf(act))
    else if (!was && is) quiets.push(rowOf(act))
    else if (!was) still += 1
  }
  const old = expectedAttacks(before, traces, now)
  const expected = expectedAttacks(after, traces, now)
  const known = new Set(old.map(nameOf))
  return {
    judged: history.length,
    fires: mostFirst(fires),
    quiets: mostFirst(quiets),
    still,
    permissive: {
      before: permissive(before, old.length),
      after: permissive(after, expected.length),
    },
    attacks: expected
      .slice(0, rowsShown)
      .map((attack) => ({ ...attack, already: known.has(nameOf(attack)) })),
    attacksTried: traces.length,
  }
}

/** A copy of the profile with these decisions. */
function edited(version: DeployedVersion, edit: ProfileEdit, nowMs: number): Profile {
  const { profile } = version
  const copy = Profile.load(profile.entries(), profile.shaper)
  const decision = { by: 'a test', at: new Date(nowMs).toISOString() }
  for (const choice of edit.forget ?? []) copy.forget(forgettingOf(version, choice))
  const plain: BehaviourId[] = []
  for (const { behaviour, ...bounds } of edit.allow ?? []) {
    const id = behaviourOf(version, behaviour)
    if (Object.keys(bounds).length === 0) plain.push(id)
    else copy.decide(id, { kind: 'approved', ...decision, ...bounds })
  }
  copy.decideAll(plain, { kind: 'approved', ...decision })
  const rejected = (edit.reject ?? []).map((behaviour) => behaviourOf(version, behaviour))
  copy.decideAll(rejected, { kind: 'rejected', ...decision })
  return copy
}

function permissive(profile: Profile, attacks: number): PermissiveView {
  let allowed = 0
  let patterns = 0
  for (const admission of profile.all()) {
    if (admission.void) continue
    allowed += 1
    if (admission.generalised || admission.block !== undefined) patterns += 1
  }
  return { allowed, patterns, attacks }
}

function rowOf({ ref, count }: PastAct): EditTestRow {
  const { actor, uid, object, origin, literal } = ref
  return {
    id: behaviourId(ref.key),
    actor: actorText(actor),
    uid,
    text: objectLine(object),
    origin,
    count,
    ...(literal === undefined ? {} : { literal: literal.text }),
  }
}

function mostFirst(rows: readonly EditTestRow[]): readonly EditTestRow[] {
  return rows.toSorted((a, b) => b.count - a.count).slice(0, rowsShown)
}

function nameOf({ name, actor, uid }: ExpectedAttack): string {
  return `${name}\u0000${actor}\u0000${uid}`
}
