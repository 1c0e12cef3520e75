import type { DoctorCheck, StatusView } from '../../../api/status-views.ts'

/** Where there are blind containers: nobody can mend that on this host, but for another runtime. */
export function blindChecks({ blind }: StatusView['containers']): readonly DoctorCheck[] {
  if (blind === 0) return []
  return [
    {
      name: 'blind containers',
      ok: false,
      found: `${blind} running containers whose runtime hides from this kernel what they do`,
      advice:
        'nothing is learned of them or stopped in them: docs/blind-containers.md has the runtimes, and what to do',
    },
  ]
}
