import type { Command } from 'commander'
import { baseProgram } from './base-program.ts'
import { CliContext } from './cli-context.ts'
import type { CliIo } from './cli-io.ts'
import { htmlFormat, reportOutputOption, socketOption } from './program-options.ts'
import type { Cli } from './run-program.ts'
import { SnugError } from '../errors.ts'

type AddCommands = (program: Command, context: CliContext) => void

/** By their first words, in the order of the help. A command loads what it needs, and nothing of the others. */
const commands: readonly (readonly [words: readonly string[], load: () => Promise<AddCommands>])[] =
  [
    [['agent'], async () => (await import('./commands/agent-command.ts')).agentCommand],
    [['status'], async () => (await import('./commands/status-command.ts')).statusCommand],
    [['ui'], async () => (await import('./commands/ui-command.ts')).uiCommand],
    [['doctor'], async () => (await import('./commands/doctor-command.ts')).doctorCommand],
    [['image'], async () => (await import('./commands/image-commands.ts')).imageCommands],
    [['profile'], async () => (await import('./commands/profile-commands.ts')).profileCommands],
    [['profile'], async () => (await import('./commands/transfer-commands.ts')).transferCommands],
    [['kernel'], async () => (await import('./commands/kernel-command.ts')).kernelCommand],
    [
      ['network-policy'],
      async () => (await import('./commands/network-policy-command.ts')).networkPolicyCommands,
    ],
    [
      ['break-glass'],
      async () => (await import('./commands/break-glass-command.ts')).breakGlassCommand,
    ],
    [
      ['quarantine', 'release'],
      async () => (await import('./commands/quarantine-command.ts')).quarantineCommands,
    ],
    [['capture', 'case'], async () => (await import('./commands/case-commands.ts')).caseCommands],
    [['incident'], async () => (await import('./commands/incident-commands.ts')).incidentCommands],
    [['person'], async () => (await import('./commands/person-command.ts')).personCommand],
    [['alert'], async () => (await import('./commands/alert-commands.ts')).alertCommands],
    [['audit'], async () => (await import('./commands/audit-commands.ts')).auditCommands],
    [['report'], async () => (await import('./commands/report-command.ts')).reportCommand],
    [['event'], async () => (await import('./commands/event-commands.ts')).eventCommands],
    [['record'], async () => (await import('./commands/record-command.ts')).recordCommand],
    [['gate'], async () => (await import('./commands/gate-command.ts')).gateCommand],
    [
      ['attest', 'verify'],
      async () => (await import('./commands/attest-commands.ts')).attestCommands,
    ],
    [['scan'], async () => (await import('./commands/scan-command.ts')).scanCommand],
    [['admit'], async () => (await import('./commands/admit-command.ts')).admitCommand],
    [['mcp'], async () => (await import('./commands/mcp-command.ts')).mcpCommand],
    [['sink'], async () => (await import('./commands/sink-commands.ts')).sinkCommands],
    [['console'], async () => (await import('./commands/console-command.ts')).consoleCommand],
    [['config'], async () => (await import('./commands/config-commands.ts')).configCommands],
    [['token'], async () => (await import('./commands/token-commands.ts')).tokenCommands],
    // It completes all of them.
    [[], async () => (await import('./commands/completion-command.ts')).completionCommand],
  ]

/**
 * The command line of these arguments, with the commands that their first word names. Without one it is whole, as
 * `docs/reference/cli.md` is generated from it.
 */
export async function createProgram(io: CliIo, args: readonly string[] = []): Promise<Cli> {
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
  const named = commands.filter(([words]) => words.includes(wordIn(args)))
  const added = named.length > 0 ? named : commands
  for (const add of await Promise.all(added.map(([, load]) => load()))) add(program, context)
  return { program, context }
}

/** The first that is no global option and no value of one. */
function wordIn(args: readonly string[]): string {
  const at = args.findIndex(
    (arg, index) => !arg.startsWith('-') && !takesNext(args[index - 1] ?? ''),
  )
  return args[at] ?? ''
}

function takesNext(arg: string): boolean {
  return [socketOption, reportOutputOption].some(({ short, long }) => arg === short || arg === long)
}
