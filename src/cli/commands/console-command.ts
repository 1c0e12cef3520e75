import type { Command } from 'commander'
import { loadConsoleConfig } from '../../console/console-config.ts'
import type { CliContext } from '../cli-context.ts'

export function consoleCommand(program: Command, context: CliContext): void {
  program
    .command('console')
    .description(
      'serves the page of a whole Kubernetes fleet in the foreground: it reads the API server and the stream of the alerts. SIGTERM ends it',
    )
    .option('--config <file>', 'YAML, see docs/reference/console.md', '/etc/snug/console.yaml')
    .option('--check', 'checks the config file and exits')
    .action(async ({ config, check }: { readonly config: string; readonly check?: true }) => {
      const loaded = loadConsoleConfig(config)
      if (check === true) return
      // Here and not above, so that the other commands start without what it loads.
      const { runConsole } = await import('../../console/run-console.ts')
      await runConsole(loaded, context.io.ended)
    })
}
