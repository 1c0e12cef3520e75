import {
  type Severity,
  severities,
  type CauseAccess,
  type PlaceClass,
} from '../event/alert-words.ts'
import type { RiskFacts } from '../event/alert.ts'

/** Before anything else is considered. `docs/alerts.md` shows it; a test holds the two together. */
export const riskTable: Readonly<Record<CauseAccess, Readonly<Record<PlaceClass, Severity>>>> = {
  read: row('low', 'low', 'medium'),
  change: row('low', 'medium', 'high'),
  map: row('medium', 'medium', 'medium'),
  run: row('medium', 'medium', 'medium'),
  connect: row('low', 'medium', 'medium'),
  listen: row('low', 'medium', 'medium'),
  identity: row('medium', 'medium', 'medium'),
  capability: row('medium', 'medium', 'medium'),
  syscall: row('medium', 'medium', 'medium'),
}

/** Data, system and code have one severity. */
function row(
  temporary: Severity,
  other: Severity,
  secret: Severity,
): Readonly<Record<PlaceClass, Severity>> {
  return { temporary, data: other, system: other, code: other, secret }
}

/** Only a guardrail is critical. */
const most = severities.indexOf('high')

/** The severity of a deviation that trips no guardrail. Pure; documented in `docs/alerts.md`. */
export function riskOf(facts: RiskFacts): Severity {
  const { access, place, actor, drift, replicas } = facts
  const raised = Number(drift || actor === 'drift') + Number(replicas === 'few')
  const step = raised - Number(isHarmless(facts))
  const at = severities.indexOf(riskTable[access][place]) + step
  return severities[Math.min(most, Math.max(at, leastOf(facts)))] ?? 'low'
}

/** One reason is enough; several are not less than one. */
function isHarmless(facts: RiskFacts): boolean {
  const { access, actor, origin, drift, shipped, usual, local, leavesRoot } = facts
  if (leavesRoot || local) return true
  // Events of a session are no habit of the service.
  if (origin === 'exec-in' || drift || actor === 'drift') return false
  if (usual) return true
  return access === 'map' && shipped
}

/** Below it nothing lowers the severity. */
function leastOf({ access, place, actor, drift }: RiskFacts): number {
  if (drift || (access === 'run' && actor === 'drift')) return severities.indexOf('high')
  const isSecret = place === 'secret' && (access === 'read' || access === 'change')
  return isSecret ? severities.indexOf('medium') : 0
}
