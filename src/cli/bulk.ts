import type { Seen } from './agent-client.ts'
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
  /** `tag`: the state that the change is for. Absent: any. */
  readonly run: (body: object, tag?: string) => Promise<Seen<Result>>
  readonly body: object
}

/** Shows what would change, asks a person at a terminal, and then changes it. */
export async function bulk<Result extends object>(
  { context, run, body, dryRun, yes }: Bulk<Result>,
  text: (result: Result, style: TableStyle) => string,
  facts: (result: Result) => { readonly rows: readonly unknown[]; readonly question: string },
): Promise<void> {
  const { io } = context
  let shown: string | undefined
  const mustAsk = yes !== true && io.interactive
  if (dryRun === true || mustAsk) {
    const preview = await run({ ...body, dryRun: true })
    const { rows, question } = facts(preview.data)
    if (dryRun === true) return context.print(preview.data, rows, () => text(preview.data, io))
    shown = preview.tag
    printLine(io, text(preview.data, io))
    await confirm(io, question, false)
  }
  const { data: result } = await run(body, shown)
  await context.print(result, facts(result).rows, () => text(result, io))
}
