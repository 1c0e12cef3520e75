import { type FileUse, type PathUse, underItself } from '../learning/file-use.ts'
import type { Origin } from '../event/event-words.ts'
import { microsOf } from '../event/time.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import type { LiveEntry } from './live-entry.ts'
import { NAME } from '../behaviour/place-pattern.ts'
import { literalPath } from '../behaviour/shape.ts'
import { RENAMES_TO } from '../behaviour/shape-pattern.ts'
import { isSockets, socketOf } from '../behaviour/peer.ts'
import { isPattern, shapedSubject } from '../behaviour/subject.ts'

export interface RenameUse {
  readonly from: string
  readonly to: string
  readonly origin: Origin
}

/** When and where something was seen. */
type Seen = Omit<FileUse, 'path' | 'access'>
type MadeParts = (path: string) => number

interface Found {
  readonly uses: FileUse[]
  readonly renames: RenameUse[]
  readonly madeParts: MadeParts
}

/** Files, unix sockets by path, and what a system call is about by path. A program that gets a signal stands for itself. */
export function isOfPath(object: BehaviourObject): boolean {
  if (object.kind === 'syscall')
    return object.name !== 'kill' && object.target?.startsWith('/') === true
  return object.kind === 'file' || isSockets(object) || socketOf(object) !== undefined
}

/**
 * The paths that an entry is learned evidence of, as far as its witnesses were kept.
 *
 * @param madeParts see {@link FileUse}
 */
export function pathUsesOf(
  entry: LiveEntry,
  uses: FileUse[],
  renames: RenameUse[],
  madeParts: MadeParts = () => 0,
): void {
  const { object } = entry
  if (!isOfPath(object) || isSockets(object)) return
  const isLiteral = !isPattern(object)
  for (const cell of entry.allCells()) {
    if (!cell.grants || cell.count === 0) continue
    const seen = { container: cell.container, origin: cell.origin }
    if (isLiteral) {
      put(
        object,
        textOf(object),
        { ...seen, acts: cell.count, first: cell.first, last: cell.last },
        { uses, renames, madeParts },
      )
      continue
    }
    const literals = cell.witnesses?.literals.toJSON() ?? []
    const acts = Math.max(1, Math.round(cell.count / Math.max(1, literals.length)))
    const buckets = cell.buckets
    for (const text of literals) {
      const within = buckets?.filter(({ witnesses }) => witnesses?.literals.includes(text) === true)
      const first = within?.[0] === undefined ? cell.first : microsOf(within[0].first)
      const last = within?.at(-1)
      put(
        object,
        text,
        { ...seen, acts, first, last: last === undefined ? cell.last : microsOf(last.last) },
        { uses, renames, madeParts },
      )
    }
  }
}

function textOf(object: BehaviourObject): string {
  const socket = socketOf(object)
  if (socket !== undefined) return socket
  if (object.kind === 'file' && object.to !== undefined)
    return literalPath(object.path) + RENAMES_TO + literalPath(object.to)
  return literalPath(shapedSubject(object) ?? '')
}

function put(
  object: BehaviourObject,
  text: string,
  seen: Seen,
  { uses, renames, madeParts }: Found,
): void {
  if (object.kind !== 'file') {
    const isCall = object.kind === 'syscall'
    const access: PathUse = isCall ? `call ${object.name}` : 'connect'
    if (text.startsWith('/'))
      uses.push({ ...seen, path: isCall ? underItself(text) : text, access })
    return
  }
  const { access, to } = object
  const isFolded = object.path.includes(NAME)
  const made = madeParts(object.path)
  if (to === undefined) {
    if (text.startsWith('/'))
      uses.push({ ...seen, path: text, access, made, ...(isFolded ? { folded: true } : {}) })
    return
  }
  const at = text.indexOf(RENAMES_TO)
  const [from, onto] = [text.slice(0, at), text.slice(at + RENAMES_TO.length)]
  if (!from.startsWith('/') || !onto.startsWith('/')) return
  renames.push({ from, to: onto, origin: seen.origin })
  uses.push(
    { ...seen, path: from, access: 'delete', made },
    { ...seen, path: onto, access: 'create', made: madeParts(to) },
  )
}
