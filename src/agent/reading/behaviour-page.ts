import { behaviourView } from './views.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Steps } from '../../core/steps.ts'
import type { BehaviourPage, BehaviourQuery } from '../../api/page-views.ts'
import type { BehaviourView } from '../../api/profile-views.ts'
import type { ShownState } from '../../api/terms.ts'
import type { Outlined } from './behaviour-index.ts'

/** A window of a version's behaviours. `vanishes`: see `behaviourView`. */
export function* behaviourPage(
  { profile }: DeployedVersion,
  outline: readonly Outlined[],
  query: BehaviourQuery,
  expiresAt: number | undefined,
): Steps<BehaviourPage> {
  const stateOf = ({ entry }: Outlined): ShownState =>
    expiresAt !== undefined && entry.onlyInherited ? 'vanished' : entry.state
  const kinds: Record<string, number> = {}
  const states: Record<string, number> = {}
  const matches: Outlined[] = []
  const q = query.q?.toLowerCase()
  for (const row of outline) {
    yield
    const { kind } = row.entry.object
    const state = stateOf(row)
    // Reads that follow from the image are shown on request.
    const isFolded = state === 'derived' && query.state !== 'derived'
    if (!isFolded) kinds[kind] = (kinds[kind] ?? 0) + 1
    states[state] = (states[state] ?? 0) + 1
    if (isFolded) continue
    if (query.kind !== undefined && query.kind !== kind) continue
    if (query.state !== undefined && query.state !== state) continue
    if (query.actor !== undefined && !isActor(row, query.actor)) continue
    if (q !== undefined && !has(row, q)) continue
    matches.push(row)
  }
  const { offset, limit } = query
  const rows: BehaviourView[] = []
  for (const { entry } of matches.slice(offset, offset + limit)) {
    yield
    if (profile.has(entry.id)) rows.push(behaviourView(entry, profile, expiresAt))
  }
  return { total: matches.length, offset, rows, kinds, states }
}

function isActor({ entry: { actor } }: Outlined, name: string): boolean {
  return actor.exe === name || actor.script === name
}

function has({ text, actor }: Outlined, q: string): boolean {
  return text.toLowerCase().includes(q) || actor.toLowerCase().includes(q)
}
