import type { Command } from 'commander'
import { configJsonSchema } from '../../support/config/config-keys.ts'
import type { DeprecatedKey } from '../../support/config/deprecated-keys.ts'
import { type ExplainedKey, explainConfig } from '../../support/config/explain-config.ts'
import type { LoadedConfig } from '../../support/config/load-config.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine, writeTo } from '../cli-io.ts'
import { type Column, textTable } from '../output/text-table.ts'
import { addConfigOptions, configOf } from './agent-command.ts'
import { safeText } from '../../support/safe-text.ts'

type Flags = Readonly<Record<string, string | string[] | undefined>>

const columns: readonly Column<ExplainedKey>[] = [
  { head: 'KEY', value: ({ key }) => key },
  { head: 'VALUE', value: ({ value }) => value, cut: true },
  { head: 'FROM', value: ({ from }) => from, cut: true },
]

const deprecatedColumns: readonly Column<DeprecatedKey>[] = [
  { head: 'DEPRECATED', value: ({ key }) => key },
  { head: 'SINCE', value: ({ since }) => since },
  { head: 'INSTEAD', value: ({ instead }) => instead },
]

export function configCommands(program: Command, context: CliContext): void {
  const config = program.command('config').description('shows the configuration')

  addConfigOptions(
    config
      .command('explain')
      .description('prints each value that `snug agent` would use, and its origin')
      .option('--running', 'shows the values of the running agent instead'),
  ).action(async (flags: Flags & { running?: boolean }) => {
    const rows = flags.running
      ? await context.client.get<readonly ExplainedKey[]>('/v1/config')
      : explainConfig(loadHere(flags, context))
    await context.print(rows, rows, () => textTable(columns, rows, context.io))
  })

  addConfigOptions(
    config
      .command('check')
      .description(
        'checks the configuration; exits with 3 where it is invalid, and with 2 where a key is deprecated',
      ),
  ).action((flags: Flags) => printCheck(loadHere(flags, context), context))

  config
    .command('schema')
    .description('prints the JSON Schema of the config file')
    .action(() => writeTo(context.io.stdout, `${JSON.stringify(configJsonSchema(), null, 2)}\n`))
}

function loadHere(flags: Flags, context: CliContext): LoadedConfig {
  const loaded = configOf(flags, context)
  for (const warning of loaded.warnings) printLine(context.io, `snug: ${safeText(warning)}`)
  return loaded
}

/** The answer of `snug config check` about a config that is valid. */
export async function printCheck(
  { deprecated }: Pick<LoadedConfig, 'deprecated'>,
  context: CliContext,
): Promise<void> {
  await context.print(deprecated, deprecated, () =>
    deprecated.length === 0
      ? 'The configuration is valid, and no key of it is deprecated.\n'
      : textTable(deprecatedColumns, deprecated, context.io),
  )
  if (deprecated.length > 0) context.exit = 2
}
