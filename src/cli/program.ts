import { baseProgram } from './base-program.ts'
import { CliContext } from './cli-context.ts'
import type { CliIo } from './cli-io.ts'
import { admitCommand } from './commands/admit-command.ts'
import { agentCommand } from './commands/agent-command.ts'
import { alertCommands } from './commands/alert-commands.ts'
import { attestCommands } from './commands/attest-commands.ts'
import { auditCommands } from './commands/audit-commands.ts'
import { breakGlassCommand } from './commands/break-glass-command.ts'
import { completionCommand } from './commands/completion-command.ts'
import { consoleCommand } from './commands/console-command.ts'
import { configCommands } from './commands/config-commands.ts'
import { doctorCommand } from './commands/doctor-command.ts'
import { eventCommands } from './commands/event-commands.ts'
import { gateCommand } from './commands/gate-command.ts'
import { incidentCommands } from './commands/incident-commands.ts'
import { imageCommands } from './commands/image-commands.ts'
import { kernelCommand } from './commands/kernel-command.ts'
import { personCommand } from './commands/person-command.ts'
import { mcpCommand } from './commands/mcp-command.ts'
import { networkPolicyCommands } from './commands/network-policy-command.ts'
import { profileCommands } from './commands/profile-commands.ts'
import { caseCommands } from './commands/case-commands.ts'
import { quarantineCommands } from './commands/quarantine-command.ts'
import { recordCommand } from './commands/record-command.ts'
import { reportCommand } from './commands/report-command.ts'
import { scanCommand } from './commands/scan-command.ts'
import { sinkCommands } from './commands/sink-commands.ts'
import { statusCommand } from './commands/status-command.ts'
import { tokenCommands } from './commands/token-commands.ts'
import { transferCommands } from './commands/transfer-commands.ts'
import { uiCommand } from './commands/ui-command.ts'
import { htmlFormat, reportOutputOption, socketOption } from './program-options.ts'
import type { Cli } from './run-program.ts'
import { SnugError } from '../errors.ts'

/** The whole command line; also what `docs/reference/cli.md` is generated from. */
export function createProgram(io: CliIo): Cli {
  const program = baseProgram(
    'snug',
    'learns what each container image normally does, and alerts on or blocks everything else',
    io,
  )
  const context = new CliContext(program, io)
  program
    .addOption(socketOption)
    .addOption(reportOutputOption)
    .hook('preAction', (_, { parent }) => {
      // Before the command does anything.
      if (context.output === htmlFormat && parent?.name() !== 'report') {
        throw new SnugError('USAGE', '`-o html` is for `snug report` only')
      }
    })
  agentCommand(program, context)
  statusCommand(program, context)
  uiCommand(program, context)
  doctorCommand(program, context)
  imageCommands(program, context)
  profileCommands(program, context)
  transferCommands(program, context)
  kernelCommand(program, context)
  networkPolicyCommands(program, context)
  breakGlassCommand(program, context)
  quarantineCommands(program, context)
  caseCommands(program, context)
  incidentCommands(program, context)
  personCommand(program, context)
  alertCommands(program, context)
  auditCommands(program, context)
  reportCommand(program, context)
  eventCommands(program, context)
  recordCommand(program, context)
  gateCommand(program, context)
  attestCommands(program, context)
  scanCommand(program, context)
  admitCommand(program, context)
  mcpCommand(program, context)
  sinkCommands(program, context)
  consoleCommand(program, context)
  configCommands(program, context)
  tokenCommands(program, context)
  completionCommand(program, context)
  return { program, context }
}
