import { readdirSync, readFileSync } from 'node:fs'
import { page, table } from './markdown.ts'

/** The index of the design decisions, from their titles, states and dates. `folder` is `docs/adr`. */
export function decisionsPage(folder: string): string {
  const names = readdirSync(folder)
    .filter((name) => /^\d{4}-/.test(name))
    .sort()
  return page(
    'Design decisions',
    'One page for each decision: its context, the decision, its consequences, and the alternatives. A decision that no longer holds keeps its page, with the number of its successor as status.',
    table(
      ['number', 'decision', 'status', 'date'],
      names.map((name) => {
        const text = readFileSync(`${folder}/${name}`, 'utf8')
        const [, number = '', title = ''] = /^# (\d+)\. (.*)$/m.exec(text) ?? []
        const [, status = '', date = ''] = statusLine.exec(text) ?? []
        return [number, `[${title}](${name})`, status, date]
      }),
    ),
  )
}

/** The line below the title of a decision. */
export const statusLine = /^Status: ([a-z]+(?: by \d+)?) · Date: (\d{4}-\d\d-\d\d)$/m
