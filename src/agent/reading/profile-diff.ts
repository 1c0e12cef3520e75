import { causeOf } from '../../core/match/cause.ts'
import { type DiffLine, diffEntries } from '../../core/profile/diff.ts'
import type { Steps } from '../../core/steps.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { DiffRow, ProfileDiff } from '../../api/profile-views.ts'
import { inheritedText } from './views.ts'

interface DiffWorld {
  /** Epoch milliseconds. */
  readonly now: number
  /** When (epoch milliseconds) unseen inherited behaviour of the later version expires. */
  readonly expiresAt: number | undefined
  /** Why the later version differs, as far as the two images explain it. */
  readonly explain: (entry: ProfileEntry) => string | undefined
  /** The program or script that the later image brings, and that the behaviour is of. */
  readonly componentOf: (entry: Pick<ProfileEntry, 'actor' | 'object'>) => string | undefined
}

/** What two versions of an image do not share. What the other one expects by a place or a pattern is no difference. */
export function* profileDiff(
  from: DeployedVersion,
  to: DeployedVersion,
  { now, expiresAt, explain, componentOf }: DiffWorld,
): Steps<ProfileDiff> {
  const [before, after] = [yield* shownBy(from), yield* shownBy(to)]
  const { added, removed, unchanged } = diffEntries(before, after)
  const rowsOf = function* (
    lines: readonly DiffLine[],
    entries: readonly Readonly<LiveEntry>[],
    other: DeployedVersion,
    why: (entry: Readonly<LiveEntry>) => string | undefined,
    of: (entry: Readonly<LiveEntry>) => string | undefined = () => undefined,
  ): Steps<{ readonly rows: readonly DiffRow[]; readonly derived: readonly DiffRow[] }> {
    const byId = new Map(entries.map((entry) => [entry.id as string, entry]))
    const rows: DiffRow[] = []
    const derived: DiffRow[] = []
    for (const line of lines) {
      yield
      const entry = byId.get(line.id)
      if (entry === undefined) continue
      // Expected because it was inherited, and not seen: the difference that the row is about.
      const isInherited = other.profile.onlyInherited(entry.id)
      if (!isInherited && other.profile.expects(entry, now * 1_000)) continue
      const { access, place } = causeOf(entry)
      const component = of(entry)
      const row: DiffRow = {
        ...line,
        access,
        place,
        ...(component === undefined ? {} : { component }),
      }
      if (entry.isDerived) {
        derived.push(row)
        continue
      }
      const explained = why(entry)
      rows.push(explained === undefined ? row : { ...row, explained })
    }
    return { rows, derived }
  }
  const more = yield* rowsOf(added, after, from, (entry) => explain(entry.toJSON()), componentOf)
  const less = yield* rowsOf(removed, before, to, ({ id }) =>
    to.profile.onlyInherited(id) ? inheritedText(expiresAt) : undefined,
  )
  const same = after.filter(({ isDerived }) => isDerived).length - more.derived.length
  return {
    from: from.image,
    to: to.image,
    added: more.rows,
    removed: less.rows,
    unchanged: unchanged - Math.max(0, same),
    derived: { added: more.derived, removed: less.derived },
  }
}

/** What the service itself did. What lies in a place is shown by the place. */
function* shownBy({ profile }: DeployedVersion): Steps<readonly Readonly<LiveEntry>[]> {
  const shown: Readonly<LiveEntry>[] = []
  yield* profile.settleSteps()
  for (const entry of profile.page()) {
    yield
    if (entry.within !== undefined) continue
    const isServices =
      entry.place !== undefined || [...entry.allCells()].some(({ origin }) => origin !== 'exec-in')
    if (isServices) shown.push(entry)
  }
  return shown
}
