import { Command } from 'commander'
import { CliContext } from '../cli/cli-context.ts'
import type { CliIo } from '../cli/cli-io.ts'
import { outputOption } from '../cli/program-options.ts'
import type { Cli } from '../cli/program.ts'
import { runProgram } from '../cli/run-cli.ts'
import { packageVersion } from '../support/package-version.ts'
import { alertsCommand } from './commands/alerts-command.ts'
import { decisionCommands } from './commands/decision-commands.ts'
import { explainCommand } from './commands/explain-command.ts'
import { imagesCommand } from './commands/images-command.ts'
import { protectionCommand } from './commands/protection-command.ts'
import { reviewCommand } from './commands/review-command.ts'
import { statusCommand } from './commands/status-command.ts'

/** Runs one command of `kubectl snug`; resolves with its exit code. Never throws: errors go to `stderr`. */
export async function runKubectl(args: readonly string[], io: CliIo): Promise<number> {
  return runProgram(createKubectlProgram(io), args, io)
}

/** The plugin's command line; also what `docs/reference/kubectl.md` is generated from. */
export function createKubectlProgram(io: CliIo): Cli {
  // kubectl finds a plugin by the name of its file.
  const program = new Command('kubectl-snug')
  const context = new CliContext(program, io)
  program
    .description('shows the state of Snug in a cluster, and records decisions')
    .version(packageVersion(), '-V, --version', 'prints the version')
    .helpOption('-h, --help', 'explains a command')
    .helpCommand('help [command]', 'explains a command')
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig; default: its current one')
    .option('-n, --namespace <name>', 'namespace of the pods; where a command lists, only this one')
    .option('--snug-namespace <name>', "namespace of Snug's agents", 'snug')
    .addOption(outputOption)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
  statusCommand(program, context)
  imagesCommand(program, context)
  reviewCommand(program, context)
  decisionCommands(program, context)
  alertsCommand(program, context)
  explainCommand(program, context)
  protectionCommand(program, context)
  return { program, context }
}
