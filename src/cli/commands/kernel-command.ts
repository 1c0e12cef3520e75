import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { confirm } from '../input/confirm.ts'
import { printDetached } from '../detach.ts'
import { addConfigOptions, configOf } from './agent-command.ts'
import { safeText } from '../../support/safe-text.ts'

export function kernelCommand(program: Command, context: CliContext): void {
  const kernel = program.command('kernel').description('manages what the agent keeps in the kernel')
  const detach = kernel
    .command('detach')
    .description(
      'removes all programs and profiles of an agent that has stopped; nothing is blocked then',
    )
    .option('--yes', 'does not ask')
    .option('--dry-run', 'shows what would be removed, and removes nothing')
  addConfigOptions(detach).action(
    async ({ yes, dryRun, ...flags }: Record<string, string | string[]> & DetachOptions) => {
      const loaded = configOf(flags, context)
      const { kernelState } = loaded.config
      if (dryRun === true) {
        printLine(context.io, `snug: would remove everything below ${safeText(kernelState)}`)
        return
      }
      await confirm(context.io, 'Remove all enforcement from this kernel?', yes === true)
      await printDetached(loaded, context)
    },
  )
}

interface DetachOptions {
  readonly yes?: true
  readonly dryRun?: true
}
