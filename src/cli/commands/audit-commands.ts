import { createInterface } from 'node:readline'
import { type Command, InvalidArgumentError } from 'commander'
import { SnugError } from '../../errors.ts'
import type { AuditCheckView, AuditView, UndoResult } from '../../api/review-views.ts'
import { ReceivedTrails } from '../../core/audit/received-trail.ts'
import type { CliContext } from '../cli-context.ts'
import { openInput } from '../input/event-input.ts'
import { parseCount } from '../input/option-values.ts'
import { type Column, textFields, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

const columns: readonly Column<AuditView>[] = [
  { head: 'NO', value: ({ seq }) => seq, right: true },
  { head: 'TIME', value: ({ time }) => time },
  { head: 'WHO', value: ({ who }) => who },
  { head: 'WHAT', value: ({ what }) => what },
  { head: 'OF', value: (entry) => subjectOf(entry), cut: true },
]

export function auditCommands(program: Command, context: CliContext): void {
  const audit = program
    .command('audit')
    .description('shows and verifies the audit log of decisions')

  audit
    .command('list')
    .description('lists decisions, newest first; `-o json` includes the changes of each')
    .option('--limit <count>', 'maximum number of entries', parseCount, 100)
    .action(async ({ limit }: { limit: number }) => {
      const entries = await context.client.get<readonly AuditView[]>(`/v1/audit?limit=${limit}`)
      await context.print(entries, entries, () => textTable(columns, entries, context.io))
    })

  audit
    .command('undo')
    .description('undoes a decision, unless a later decision replaced it or depends on it')
    .argument('<no>', 'its number in `snug audit list`', parseEntry)
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (no: number, body: { reason?: string }) => {
      const path = `/v1/audit/${no}/undo`
      const result = await context.client.send<UndoResult>('POST', path, body)
      await context.print(result, [result], () => undoText(result))
    })

  audit
    .command('verify')
    .description('verifies the hash chain of all entries; exits with 2 if it is damaged or changed')
    .option(
      '--received <file>',
      'verifies a file that a sink received as `json` instead: one record a line',
    )
    .action(async ({ received }: { received?: string }) => {
      if (received !== undefined) {
        await verifyReceived(received, context)
        return
      }
      const check = await context.client.get<AuditCheckView>('/v1/audit/verify')
      await context.print(check, [check], () =>
        textFields([
          ['audit', check.ok ? 'whole' : 'damaged or changed'],
          ['entries', `${check.entries}`],
          ['head', check.head],
          ...(check.ok ? [] : [['wrong', check.faults.map(safeText)] as const]),
        ]),
      )
      if (!check.ok) context.exit = 2
    })
}

async function verifyReceived(path: string, context: CliContext): Promise<void> {
  const trails = new ReceivedTrails()
  const lines = createInterface({ input: await openInput(path, context.io) })
  for await (const line of lines) trails.add(line)
  const found = trails.finish()
  if (found.length === 0) {
    throw new SnugError('EVENT_INVALID', `no entry of an audit log is in \`${path}\``)
  }
  await context.print(found, found, () =>
    found
      .map((trail) =>
        textFields([
          ['node', safeText(trail.node)],
          ['audit', trail.ok ? 'whole' : 'incomplete or changed'],
          ['entries', `${trail.first} to ${trail.last}`],
          ['head', trail.head],
          ...(trail.ok ? [] : [['wrong', trail.faults.map(safeText)] as const]),
        ]),
      )
      .join('\n'),
  )
  if (found.some(({ ok }) => !ok)) context.exit = 2
}

function undoText({ undone, what, image, alert, incident, behaviours }: UndoResult): string {
  const ofAlert = alert === undefined ? undefined : `alert ${alert}`
  const ofIncident = incident === undefined ? undefined : `incident ${incident}`
  const of = ofAlert ?? ofIncident ?? `${behaviours.length} behaviours of ${image ?? '-'}`
  return `undone: ${safeText(`entry ${undone}, ${what}, ${of}`)}\n`
}

function parseEntry(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be the number of an entry.')
}

function subjectOf(entry: AuditView): string {
  const parts = ['image', 'alert', 'name', 'reason', 'because'].map((member) => entry[member])
  return parts.filter((part) => typeof part === 'string').join(': ')
}
