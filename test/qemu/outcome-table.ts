import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { bypassActs } from '../fixtures/bypass-acts.ts'

/** The table of docs/kernels.md: one row for each attempt, one column for each kernel and way to attach. */
const page = fileURLToPath(new URL('../../docs/kernels.md', import.meta.url))
const begin = '<!-- written by SNUG_WRITE_DOCS=1 make test-kernels -->'
const end = '<!-- end of what is written -->'

export const columns = [
  '5.10 `fmod_ret`',
  '5.10 LSM',
  '6.1 `fmod_ret`',
  '6.1 LSM',
  '6.12 `fmod_ret`',
  '6.12 LSM',
  '7.3 `fmod_ret`',
  '7.3 LSM',
  '6.18 tracepoints',
] as const

export type Column = (typeof columns)[number]
/** By the name of the attempt. */
export type Outcomes = ReadonlyMap<string, string>

/** Of one attempt, in the words of the page. `result`: as the program that tried it prints it. */
export function outcomeOf(result: string, enforced: readonly (string | undefined)[]): string {
  if (enforced.includes('blocked')) return 'refused'
  if (enforced.includes('killed')) return 'killed'
  if (enforced.includes('missed')) return 'done'
  if (result === '95') return 'not offered'
  return enforced.length === 0 && result === '0' ? '**unseen**' : result
}

/** Compares a run with its column on the page, or writes the column with `SNUG_WRITE_DOCS=1`. */
export function checkColumn(column: Column, outcomes: Outcomes): void {
  const text = readFileSync(page, 'utf8')
  const table = readTable(text)
  if (process.env['SNUG_WRITE_DOCS'] === '1') {
    table.set(column, outcomes)
    writeFileSync(page, withTable(text, table))
    return
  }
  expect(Object.fromEntries(table.get(column) ?? [])).toEqual(Object.fromEntries(outcomes))
}

function readTable(text: string): Map<string, Outcomes> {
  const [heads = [], , ...rows] = text
    .slice(...place(text))
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const filled = (index: number): Outcomes =>
    new Map(
      rows.flatMap((row) => {
        const cell = row[index] ?? ''
        return cell === '' ? [] : [[row[0] ?? '', cell] as const]
      }),
    )
  return new Map(heads.slice(1).map((head, index) => [head, filled(index + 1)]))
}

function withTable(text: string, table: ReadonlyMap<string, Outcomes>): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const used = columns.filter((column) => table.has(column))
  const lines = [
    row(['attempt', ...used]),
    row(['---', ...used.map(() => '---')]),
    ...bypassActs.map(({ name }) =>
      row([name, ...used.map((column) => table.get(column)?.get(name) ?? '')]),
    ),
  ]
  const [from, to] = place(text)
  return `${text.slice(0, from)}\n\n${lines.join('\n')}\n\n${text.slice(to)}`
}

function place(text: string): readonly [from: number, to: number] {
  const from = text.indexOf(begin) + begin.length
  const to = text.indexOf(end)
  if (from < begin.length || to < from) throw new Error(`${page} has no place for the table`)
  return [from, to]
}
