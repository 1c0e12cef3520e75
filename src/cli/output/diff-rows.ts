import { causeLine, componentActs } from '../../core/match/cause-text.ts'
import { causesApart } from '../../core/match/cause.ts'
import { commonFolder, placeClassOf } from '../../core/match/place-class.ts'
import { certainPath } from '../../core/learning/notation.ts'
import type { DiffRow } from '../../api/profile-views.ts'

/** From this number on, rows of one cause are one line. */
const foldedFrom = 3

export interface SignedRow extends DiffRow {
  readonly sign: string
}

/** Of one actor and access, rows in more folders than this are one line: as on cards of review. */
const foldersApart = causesApart('change', false)

interface Line {
  readonly row: SignedRow
  readonly of: readonly SignedRow[]
}

/** Lines below that of a component. */
const partsShown = 3

/**
 * Rows of one actor, access and place as one line: what a person reads of them is the same. A program or script that is new
 * in the image is one line, with some of what it does below.
 */
export function foldedRows(rows: readonly SignedRow[]): readonly SignedRow[] {
  const others = rows.filter(({ component }) => component === undefined)
  const components = rows.filter(({ component }) => component !== undefined)
  return [
    ...grouped(components, ({ component = '' }) => component).flatMap(componentLines),
    ...foldedCauses(others),
  ]
}

function componentLines(rows: Some<SignedRow>): readonly SignedRow[] {
  const [{ component = '' }] = rows
  const isStart = ({ access, place }: SignedRow): boolean => access === 'run' && place === component
  const does = rows.filter((row) => !isStart(row))
  const [{ explained: _, ...first }] = rows
  const explained = rows.find(isStart)?.explained
  const head = {
    ...first,
    ...(explained === undefined ? {} : { explained }),
    actor: component,
    text: does.length === 0 ? 'new in this version' : `new in this version: ${componentActs(does)}`,
  }
  const parts = foldedCauses(does)
  const isCut = parts.length > partsShown
  const shown = parts.slice(0, isCut ? partsShown - 1 : partsShown)
  const below = shown.map((row) => ({ ...row, actor: '', text: `  ${row.text}` }))
  const [next] = parts.slice(shown.length)
  if (next === undefined) return [head, ...below]
  const more = `  and ${parts.length - shown.length} more lines (--names lists them)`
  return [head, ...below, { ...next, actor: '', text: more }]
}

function foldedCauses(rows: readonly SignedRow[]): readonly SignedRow[] {
  const lines = grouped(rows, (row) => `${keyOf(row)}\u0000${row.place}`).map(
    (of): Line => ({ row: of.length < foldedFrom ? of[0] : lineOf(of), of }),
  )
  const wide = new Map<Line, Some<Line>>()
  for (const some of grouped(lines, ({ row }) => (isOfOwnFiles(row) ? keyOf(row) : row.id))) {
    if (some.length > foldersApart) for (const line of some) wide.set(line, some)
  }
  return lines.flatMap((line) => {
    const others = wide.get(line)
    if (others !== undefined) return others[0] === line ? [wideLineOf(others)] : []
    return line.of.length < foldedFrom ? line.of : [line.row]
  })
}

type Some<T> = readonly [T, ...T[]]

function grouped<T>(items: readonly T[], keyOfItem: (item: T) => string): readonly Some<T>[] {
  const groups = new Map<string, [T, ...T[]]>()
  for (const item of items) {
    const key = keyOfItem(item)
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [item])
    else known.push(item)
  }
  return [...groups.values()]
}

/** Jobs that a worker runs from folders with names that are never given twice are one actor. */
function keyOf({ sign, actor, uid, access }: SignedRow): string {
  return [sign, certainPath(actor), uid, access].join('\u0000')
}

/** Folders of code, settings and secrets are read one by one. */
function isOfOwnFiles({ access, place }: SignedRow): boolean {
  if (access !== 'read' && access !== 'change') return false
  const placeClass = placeClassOf(place)
  return placeClass === 'data' || placeClass === 'temporary'
}

function lineOf(rows: Some<SignedRow>): SignedRow {
  const [{ access, place }] = rows
  return { ...sharedBy(rows), text: causeLine({ access, place, names: rows.length }) }
}

function wideLineOf(lines: Some<Line>): SignedRow {
  const [{ row: first }] = lines
  const place = lines.map(({ row }) => row.place).reduce(commonFolder)
  const names = lines.reduce((sum, { of }) => sum + of.length, 0)
  const shared = sharedBy([first, ...lines.flatMap(({ of }) => of)])
  return { ...shared, place, text: causeLine({ access: first.access, place, names, wide: true }) }
}

/** Their actor, or its form, and an explanation that is that of all. */
function sharedBy(rows: Some<SignedRow>): SignedRow {
  const [{ explained: _, ...first }] = rows
  const explained = new Set(rows.map((row) => row.explained))
  const [why] = explained
  const isOne = rows.every(({ actor }) => actor === first.actor)
  return {
    ...first,
    actor: isOne ? first.actor : certainPath(first.actor),
    ...(explained.size === 1 && why !== undefined ? { explained: why } : {}),
  }
}
