import {
  type Severity,
  severities,
  type CauseAccess,
  type PlaceClass,
} from '../event/alert-words.ts'
import type { RiskFacts } from '../event/alert.ts'

/** Before anything else is considered. `docs/alerts.md` shows it; a test holds the two together. */
export const riskTable: Readonly<Record<CauseAccess, Readonly<Record<PlaceClass, Severity>>>> = {
  read: { temporary: 'low', data: 'low', system: 'low', code: 'low', secret: 'medium' },
  change: { temporary: 'low', data: 'medium', system: 'medium', code: 'medium', secret: 'high' },
  map: { temporary: 'medium', data: 'medium', system: 'medium', code: 'medium', secret: 'medium' },
  run: { temporary: 'medium', data: 'medium', system: 'medium', code: 'medium', secret: 'medium' },
  connect: { temporary: 'low', data: 'medium', system: 'medium', code: 'medium', secret: 'medium' },
  listen: { temporary: 'low', data: 'medium', system: 'medium', code: 'medium', secret: 'medium' },
  identity: of('medium'),
  capability: of('medium'),
  syscall: of('medium'),
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

function of(severity: Severity): Readonly<Record<PlaceClass, Severity>> {
  return {
    temporary: severity,
    data: severity,
    system: severity,
    code: severity,
    secret: severity,
  }
}
