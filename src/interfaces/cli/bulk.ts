import type { CliContext } from './cli-context.ts'
import { printLine } from './cli-io.ts'
import { confirm } from './input/confirm.ts'
import type { TableStyle } from './output/text-table.ts'

export interface BulkOptions {
  readonly dryRun?: true | undefined
  readonly yes?: true | undefined
}

export const dryRunHelp = 'shows what would change, and changes nothing'
export const yesHelp = 'does not ask'

interface Bulk<Result> extends BulkOptions {
  readonly context: CliContext
  readonly run: (body: object) => Promise<Result>
  readonly body: object
}

/** Shows what would change, asks a person at a terminal, and then changes it. */
export async function bulk<Result extends object>(
  { context, run, body, dryRun, yes }: Bulk<Result>,
  text: (result: Result, style: TableStyle) => string,
  facts: (result: Result) => { readonly rows: readonly unknown[]; readonly question: string },
): Promise<void> {
  const { io } = context
  const mustAsk = yes !== true && io.interactive
  if (dryRun === true || mustAsk) {
    const preview = await run({ ...body, dryRun: true })
    const { rows, question } = facts(preview)
    if (dryRun === true) return context.print(preview, rows, () => text(preview, io))
    printLine(io, text(preview, io))
    await confirm(io, question, false)
  }
  const result = await run(body)
  await context.print(result, facts(result).rows, () => text(result, io))
}
