import { compareText } from '../../core/compare-text.ts'
import type { AgentReport } from '../../core/event/agent-report-schema.ts'
import { profileName } from '../../fleet/fleet-image.ts'
import { isSilent } from './agent-state.ts'
import type { FleetImageRow } from './views.ts'

type Blind = NonNullable<FleetImageRow['blind']>

const reasonsShown = 10

/** By name of the profile: the blind containers of the fleet. What a silent agent reported is out of date. */
export function blindImages(
  reports: Iterable<AgentReport>,
  nowMs: number,
): ReadonlyMap<string, Blind> {
  const found = new Map<string, Blind>()
  for (const report of reports) {
    if (report.blindImages === undefined || isSilent(report, nowMs)) continue
    for (const { image, running, reasons } of report.blindImages) {
      const name = profileName(image)
      const known = found.get(name)
      found.set(name, {
        running: running + (known?.running ?? 0),
        nodes: 1 + (known?.nodes ?? 0),
        reasons: [...new Set([...reasons, ...(known?.reasons ?? [])])]
          .sort(compareText)
          .slice(0, reasonsShown),
      })
    }
  }
  return found
}
