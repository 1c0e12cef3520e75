import type { Command } from 'commander'
import type { AuditCheckView, AuditView } from '../../flow/engine.ts'
import type { CliContext } from '../cli-context.ts'
import { parseCount } from '../option-values.ts'
import { safeText } from '../terminal-text.ts'
import { type Column, textFields, textTable } from '../text-table.ts'

const columns: readonly Column<AuditView>[] = [
  { head: 'NO', value: ({ seq }) => seq, right: true },
  { head: 'TIME', value: ({ time }) => time },
  { head: 'WHO', value: ({ who }) => who },
  { head: 'WHAT', value: ({ what }) => what },
  { head: 'OF', value: (entry) => subjectOf(entry), cut: true },
]

export function auditCommands(program: Command, context: CliContext): void {
  const audit = program.command('audit').description('who decided what, when and why')

  audit
    .command('list')
    .description('decisions, newest first; with `-o json` what each changed')
    .option('--limit <count>', 'at most so many', parseCount, 100)
    .action(async ({ limit }: { limit: number }) => {
      const entries = await context.client.get<readonly AuditView[]>(`/v1/audit?limit=${limit}`)
      await context.print(entries, entries, () => textTable(columns, entries, context.io))
    })

  audit
    .command('verify')
    .description('follows the chain of all decisions; exit 2 where it was damaged or changed')
    .action(async () => {
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

function subjectOf(entry: AuditView): string {
  const parts = ['image', 'alert', 'name', 'reason', 'because'].map((member) => entry[member])
  return parts.filter((part) => typeof part === 'string').join(': ')
}
