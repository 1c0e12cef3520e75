import type { DoctorCheck, DoctorReport } from '../flow/engine.ts'

const acts = ['exec', 'file', 'connect', 'listen', 'identity', 'capability', 'syscall'] as const
const needed = ['kernel', 'btf', 'rights', 'lockdown', 'cgroup-v2'] as const

/**
 * What of each kind of act will be seen and stopped on a host with these checks. Nothing is stopped by
 * this build on any host: it learns and alerts.
 */
export function actKindsOfHost(checks: readonly DoctorCheck[]): DoctorReport['acts'] {
  const lacking = needed.filter((name) => checks.some((check) => check.name === name && !check.ok))
  const seen = lacking.length === 0 ? 'yes' : `no: lacks ${lacking.join(', ')}`
  return acts.map((act) => ({ act, seen, stopped: 'no: this build alerts and does not block' }))
}
