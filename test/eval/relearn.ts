import { startVersion, advance, type LearnRules } from '../../src/core/lifecycle/version.ts'
import { type ContainerRun, coverageOf, sliceMicrosFor } from '../../src/core/coverage/coverage.ts'

const minuteMs = 60_000
const second = 1_000_000

/**
 * How long a system is blind that learns a new version from nothing: simulated, by the lifecycle itself in this
 * process, with no prior. It is the best case for relearning: so many containers that start at once, and of their
 * behaviours none shows only once. Gives minutes until its window ends.
 */
export function blindMinutesOfRelearning(
  containers: number,
  behaviours: number,
  rules: LearnRules,
): number {
  let version = startVersion('sha256:relearned', 0)
  for (let minute = 1; ; minute++) {
    const nowMs = minute * minuteMs
    const runs = Array.from({ length: containers }, (_, index): ContainerRun => {
      return { container: String(index), from: 0, to: nowMs * 1_000 }
    })
    const seen = Array.from({ length: behaviours }, () =>
      runs.map(({ container }) => ({ container, first: second, last: nowMs * 1_000 })),
    )
    const coverage = coverageOf(seen, runs, sliceMicrosFor(rules.floorMs))
    const evidence = { coverage, lost: 0, startSeen: true }
    version = advance(version, evidence, rules, nowMs).version
    if (version.state !== 'learning') return minute
    if (nowMs > rules.ceilingMs) throw new Error('a window went on past its ceiling')
  }
}
