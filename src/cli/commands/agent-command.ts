import { type Command, Option } from 'commander'
import { configKeys } from '../../support/config/config-keys.ts'
import { type LoadedConfig, loadConfig } from '../../support/config/load-config.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { printDetached } from '../detach.ts'
import { safeText } from '../../support/safe-text.ts'

type Flags = Readonly<Record<string, string | string[] | undefined>>

export function agentCommand(program: Command, context: CliContext): void {
  const command = program
    .command('agent')
    .description('runs the node agent in the foreground; SIGTERM drains it')
    .addOption(new Option('--detach', 'old name of `snug kernel detach`').hideHelp())
  addConfigOptions(command).action(async ({ detach, ...flags }: Flags & { detach?: true }) => {
    const loaded = configOf(flags, context)
    for (const warning of loaded.warnings) printLine(context.io, `snug: ${safeText(warning)}`)
    if (detach === true) {
      printLine(context.io, 'snug: `agent --detach` is now `snug kernel detach`')
      await printDetached(loaded, context)
      return
    }
    // Here and not above, so that the other commands start without all that the daemon loads.
    const { runAgent } = await import('../../main.ts')
    // Standard output is one sink of many: the agent continues when its reader is gone.
    await runAgent(loaded, () => configOf(flags, context), context.io.ended)
  })
}

/** Every key of the config as a flag. `--socket` is one of every command already. */
export function addConfigOptions(command: Command): Command {
  command.option('--config <file>', 'config file (SNUG_CONFIG; /etc/snug/snug.yaml)')
  for (const { path, flag, shape, doc } of configKeys) {
    if (path === 'socket') continue
    const option = new Option(`${flag} <${shape === 'objects' ? 'yaml' : 'value'}>`, doc)
    if (shape === 'list' || shape === 'objects') {
      option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    }
    command.addOption(option)
  }
  return command
}

export function configOf(flags: Flags, context: CliContext): LoadedConfig {
  const given: Record<string, string | string[]> = {}
  for (const { path, flag } of configKeys) {
    const value = path === 'socket' ? context.socketFlag : flags[optionName(flag)]
    if (value !== undefined) given[path] = value
  }
  const file = flags['config']
  return loadConfig({
    flags: given,
    env: context.io.env,
    ...(typeof file === 'string' ? { file } : {}),
  })
}

/** As commander names it: `--learn-floor` is `learnFloor`. */
function optionName(flag: string): string {
  return flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
