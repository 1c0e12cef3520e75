import { type Colour, paint } from './terminal-text.ts'
import { cutMiddle, safeText } from '../../support/safe-text.ts'

export interface Column<Row> {
  readonly head: string
  readonly value: (row: Row) => string | number
  /** May be cut in its middle where the table would not fit. */
  readonly cut?: true
  readonly right?: true
  readonly colour?: (row: Row) => Colour | undefined
}

/** Of a terminal that is narrower, or does not tell. */
export const leastWidth = 80
/** A cell that is longer moves what follows it in its line, and not in all others. */
const mostPadded = 120
const gap = 2
const indent = 4
const least = 10

export interface TableStyle {
  readonly colour: boolean
  /** Columns of the terminal; infinite where there is none: then nothing is cut. */
  readonly width: number
}

/**
 * Lines of at most the terminal's width, as long as the columns that may not be cut fit in; made safe for a terminal.
 * `below` is the text on a separate line below each row.
 */
export function textTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
  below?: (row: Row) => string,
): string {
  const cells = rows.map((row) => columns.map(({ value }) => safeText(String(value(row)))))
  const widths = fit(
    style.width,
    columns,
    columns.map(({ head }, at) => {
      return Math.max(head.length, ...cells.map((line) => width(line[at] ?? '')))
    }),
  )
  const lines = cells.map((line, index) =>
    columns.map((column, at) => {
      const cell = line[at] ?? ''
      const room = widths[at] ?? 0
      const text = pad(style.width === Infinity ? cell : cutMiddle(cell, room), room, column.right)
      const row = rows[index]
      return paint(text, style.colour && row !== undefined ? column.colour?.(row) : undefined)
    }),
  )
  const head = columns.map((column, at) => pad(column.head, widths[at] ?? 0, column.right))
  const texts = [head, ...lines].map((line) => `${line.join(' '.repeat(gap)).trimEnd()}\n`)
  if (below === undefined) return texts.join('')
  const details = rows.map((row) => {
    return `${' '.repeat(indent)}${cutMiddle(safeText(below(row)), style.width - indent)}\n`
  })
  return texts.map((text, at) => text + (details[at - 1] ?? '')).join('')
}

function fit<Row>(
  room: number,
  columns: readonly Column<Row>[],
  natural: readonly number[],
): number[] {
  if (room === Infinity) return natural.map((each) => Math.min(each, mostPadded))
  const widths = [...natural]
  let over = widths.reduce((sum, each) => sum + each + gap, -gap) - room
  while (over > 0) {
    const widest = columns
      .map(({ cut }, at) => (cut ? (widths[at] ?? 0) : 0))
      .reduce((best, each, at, all) => (each > (all[best] ?? 0) ? at : best), 0)
    if (!columns[widest]?.cut || (widths[widest] ?? 0) <= least) break
    widths[widest] = (widths[widest] ?? 0) - 1
    over -= 1
  }
  return widths
}

function pad(text: string, room: number, right: true | undefined): string {
  const space = ' '.repeat(Math.max(0, room - width(text)))
  return right ? space + text : text + space
}

function width(text: string): number {
  return Array.from(text).length
}

/** `label  value` lines; a value of several lines is indented below its label. */
export function textFields(
  fields: readonly (readonly [string, string | readonly string[]])[],
): string {
  const room = Math.max(...fields.map(([label]) => label.length))
  return fields
    .flatMap(([label, value]) => {
      const values = typeof value === 'string' ? [value] : value
      return values.map(
        (line, at) => `${(at === 0 ? label : '').padEnd(room)}  ${safeText(line)}\n`,
      )
    })
    .join('')
}
