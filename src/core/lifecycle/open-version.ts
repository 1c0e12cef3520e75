import { type ClassPart, openClass, programFolder, workFolder } from '../behaviour/any-program.ts'
import { behaviourId, behaviourKey } from '../behaviour/behaviour.ts'
import type { OpenFolders } from '../match/open-folders.ts'
import type { DecisionInput } from '../profile/entry-decisions.ts'
import type { ProfileEntry } from '../profile/profile-entry.ts'

/** Classes of versions: whether their set of programs is expected to close. */
export const versionClasses = ['open', 'closed'] as const
export type VersionClass = (typeof versionClasses)[number]

/**
 * The class and the folders that it is about, as entries of a profile: so the next versions of the lineage, and other
 * nodes, begin with what this window showed.
 */
export function classEntries(
  { programs, work }: Pick<OpenFolders, 'programs' | 'work'>,
  decision: DecisionInput,
): readonly ProfileEntry[] {
  const folders = [...programs.within.map(programFolder), ...work.within.map(workFolder)]
  return [openClass, ...folders].map((part) => classEntry(part, decision))
}

export function classEntry(part: ClassPart, decision: DecisionInput): ProfileEntry {
  const { actor, uid, object } = part
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey(actor, uid, object)),
    actor,
    uid,
    object,
    cells: [],
    // It allows no event by itself: its actor is none.
    decision: { ...decision, grants: [] },
  }
}
