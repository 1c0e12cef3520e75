import { baseProgram } from '../cli/base-program.ts'
import { CliContext } from '../cli/cli-context.ts'
import type { CliIo } from '../cli/cli-io.ts'
import { outputOption } from '../cli/program-options.ts'
import type { Cli } from '../cli/run-program.ts'
import { alertsCommand } from './commands/alerts-command.ts'
import { decisionCommands } from './commands/decision-commands.ts'
import { explainCommand } from './commands/explain-command.ts'
import { imagesCommand } from './commands/images-command.ts'
import { incidentCommands } from './commands/incident-commands.ts'
import { protectionCommand } from './commands/protection-command.ts'
import { quarantineCommands } from './commands/quarantine-command.ts'
import { reviewCommand } from './commands/review-command.ts'
import { statusCommand } from './commands/status-command.ts'

/** The plugin's command line; also what `docs/reference/kubectl.md` is generated from. */
export function createKubectlProgram(io: CliIo): Cli {
  // kubectl finds a plugin by the name of its file.
  const program = baseProgram(
    'kubectl-snug',
    'shows the state of Snug in a cluster, and records decisions',
    io,
  )
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig; default: its current one')
    .option('-n, --namespace <name>', 'namespace of the pods; where a command lists, only this one')
    .option('--snug-namespace <name>', "namespace of Snug's agents", 'snug')
    .addOption(outputOption)
  const context = new CliContext(program, io)
  statusCommand(program, context)
  imagesCommand(program, context)
  reviewCommand(program, context)
  decisionCommands(program, context)
  quarantineCommands(program, context)
  alertsCommand(program, context)
  incidentCommands(program, context)
  explainCommand(program, context)
  protectionCommand(program, context)
  return { program, context }
}
