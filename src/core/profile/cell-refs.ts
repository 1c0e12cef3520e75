import { type BehaviourObject, type BehaviourRef, behaviourKey } from '../behaviour/behaviour.ts'
import { isSum } from './evidence.ts'
import type { LiveEntry } from './live-entry.ts'
import type { EvidenceCell, ProfileEntry } from './profile-entry.ts'
import { literalPath, type Shaper } from '../behaviour/shape.ts'
import { SUBJECT_TO } from '../behaviour/language.ts'
import { RENAMES_TO } from '../behaviour/shape-pattern.ts'
import { isPattern, shapedSubject } from '../behaviour/subject.ts'
import type { Literal } from '../behaviour/witness.ts'

/** The events that a cell of an entry is evidence of, as far as its witnesses were kept. */
export function refsOfCell(
  { actor, uid, object }: ProfileEntry,
  cell: EvidenceCell,
  shaper: Shaper,
): readonly BehaviourRef[] {
  const { origin, witnesses } = cell
  const key = behaviourKey(actor, uid, object)
  const base = { key, actor, uid, object, origin }
  // An object that only looks like a shape has its literals recorded as well.
  if (witnesses === undefined && isSum(cell) && isPattern(object)) return []
  if (witnesses === undefined) return [{ ...base, ...plainFacts(object, shaper) }]
  return witnesses.literals.map((text) => ({
    ...base,
    literal: literalOf(object, text, shaper),
  }))
}

/** What the service itself was seen to do under an entry, of another profile or this one. */
export function seenRefs(entry: Readonly<LiveEntry>): readonly BehaviourRef[] {
  const { key, actor, uid, object } = entry
  const refs: BehaviourRef[] = []
  for (const { origin, count, witnesses } of entry.allCells()) {
    if (origin === 'exec-in' || count === 0) continue
    const base = { key, actor, uid, object, origin }
    const literals = witnesses?.literals.toJSON() ?? []
    if (literals.length === 0) refs.push(base)
    for (const text of literals) {
      const subject = text.replace(RENAMES_TO, SUBJECT_TO)
      refs.push({ ...base, literal: { text, values: [], subject } })
    }
  }
  return refs
}

function plainFacts(object: BehaviourObject, shaper: Shaper): Partial<BehaviourRef> {
  if (object.kind === 'connect') return { address: object.peer }
  const subject = shapedSubject(object)
  if (subject === undefined) return {}
  // A shaped object that was recorded without its shape is that very file.
  const paths = subject.split(SUBJECT_TO).map(literalPath)
  return paths.some((path) => shaper.shape(path) !== undefined) ? { fixed: true } : {}
}

/** The arguments before and behind the significant ones are not recorded: leave them out. */
function argumentsOf(path: string, text: string, shaper: Shaper): Literal {
  const subject = literalPath(text.replace(/<(?:argument|folder|rest)>/g, ''))
  const shaped = shaper.shapeArguments(path, subject.split(SUBJECT_TO).slice(1, -1))
  return { text, values: shaped?.values ?? [], subject }
}

function literalOf(object: BehaviourObject, text: string, shaper: Shaper): Literal {
  if (object.kind === 'exec') return argumentsOf(object.path, text, shaper)
  if (object.kind !== 'file' || object.to === undefined)
    return { text, values: shaper.valuesIn(text, shapedSubject(object) ?? '') }
  const at = text.indexOf(RENAMES_TO)
  const [from, to] = [text.slice(0, at), text.slice(at + RENAMES_TO.length)]
  const values = shaper.foldPlaces([
    ...shaper.valuesIn(from, object.path),
    ...shaper.valuesIn(to, object.to),
  ])
  return { text, values, subject: `${from}${SUBJECT_TO}${to}` }
}
