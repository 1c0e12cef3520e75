import { microsOf } from '../../core/event/time.ts'
import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import { type ContainerRun, sliceMicrosFor, type Stint } from '../../core/coverage/coverage.ts'
import { Profile } from '../../core/profile/profile.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'

/** How far a profile can be trusted where it did not see something, in one sentence. */
export function coverageText(document: ProfileDocument, shaper: Shaper): string {
  const runs = runsOf(document)
  const longest = Math.max(0, ...runs.map(({ from, to }) => to - from))
  const slice = sliceMicrosFor(longest / 1_000)
  return Profile.load(document.behaviours, shaper).coverage(runs, slice).sentence
}

interface Watched extends Stint {
  readonly container: string
  readonly node: string | undefined
}

/** The observed time; without a record of that, the shorter time from each container's first event to its last. */
function runsOf(document: ProfileDocument): readonly ContainerRun[] {
  const recorded = recordedStints(document)
  const stints = recorded.length > 0 ? recorded : actSpans(document)
  const runs = new Map<string, Watched[]>()
  for (const stint of stints)
    runs.set(stint.container, [...(runs.get(stint.container) ?? []), stint])
  return [...runs.values()].flatMap((all): readonly ContainerRun[] => {
    const earlier = all.toSorted((a, b) => a.from - b.from)
    const last = earlier.pop()
    if (last === undefined) return []
    const { node, ...rest } = last
    const run = node === undefined ? rest : { ...rest, node }
    return [earlier.length === 0 ? run : { ...run, earlier }]
  })
}

function recordedStints({ recordings = [] }: ProfileDocument): readonly Watched[] {
  return recordings.flatMap(({ node, runs }) =>
    runs.map(({ container, from, to, before, ended }) => ({
      container,
      node,
      from: microsOf(from),
      to: microsOf(to),
      before: before === true,
      ended: ended === true,
    })),
  )
}

function actSpans({ behaviours }: ProfileDocument): readonly Watched[] {
  const spans = new Map<string, Watched>()
  for (const { container, origin, first, last, nodes } of behaviours.flatMap(
    ({ cells }) => cells,
  )) {
    if (origin === 'exec-in') continue
    const known = spans.get(container)
    const from = Math.min(known?.from ?? Infinity, microsOf(first))
    const to = Math.max(known?.to ?? -Infinity, microsOf(last))
    spans.set(container, { container, node: known?.node ?? nodes[0], from, to })
  }
  return [...spans.values()]
}
