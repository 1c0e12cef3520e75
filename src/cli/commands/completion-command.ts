import { Argument, type Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { writeTo } from '../cli-io.ts'
import { completionScript, shells } from '../completion.ts'

export function completionCommand(program: Command, context: CliContext): void {
  program
    .command('completion')
    .description('prints a completion script for your shell')
    .addArgument(new Argument('<shell>', 'name of the shell').choices(shells))
    .action(async (shell: string) => {
      await writeTo(context.io.stdout, completionScript(program, shell))
    })
}
