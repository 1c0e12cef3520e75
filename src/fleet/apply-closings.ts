import { seenOn, type SharedClosing } from '../core/lifecycle/shared-closing.ts'
import type { DeployedVersion } from '../agent/records/versions/deployed-version.ts'
import type { Engine } from '../api/engine.ts'

/**
 * Closes on a node the incidents that people closed for the whole fleet. Each once, so that a person can undo it there.
 *
 * Errors: STORE_FAILED
 *
 * @param standing all that name alerts of the version
 */
export async function applyClosings(
  version: DeployedVersion,
  standing: readonly SharedClosing[],
  node: string,
  engine: Pick<Engine, 'closeSeen'>,
): Promise<void> {
  const { closed: before = [], ...applied } = version.appliedSpec
  const ids = new Set(standing.map(({ id }) => id))
  const closed = before.filter((id) => ids.has(id))
  const news = standing.filter(({ id }) => !closed.includes(id))
  if (news.length === 0 && closed.length === before.length) return
  const keep = (): void => {
    version.appliedSpec = { ...applied, ...(closed.length === 0 ? {} : { closed: [...closed] }) }
    version.changed = true
  }
  keep()
  for (const closing of news) {
    const { incident, title, by: who, reason } = closing
    closed.push(closing.id)
    // INVARIANT: nothing is awaited between this and the decisions, so that one batch stores both.
    keep()
    const alerts = seenOn(node, closing)
    await engine.closeSeen({ id: incident, title, alerts }, { who, reason })
  }
}
