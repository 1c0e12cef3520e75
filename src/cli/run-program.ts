import { type Command, CommanderError } from 'commander'
import { describeError, errorTable, SnugError } from '../errors.ts'
import type { CliContext } from './cli-context.ts'
import { type CliIo, printLine } from './cli-io.ts'
import { safeText } from '../support/safe-text.ts'

export interface Cli {
  readonly program: Command
  readonly context: CliContext
}

/** Runs one command; resolves with its exit code. Never throws: errors go to `stderr`. */
export async function runProgram(
  { program, context }: Cli,
  args: readonly string[],
  io: CliIo,
): Promise<number> {
  try {
    await program.parseAsync([...args], { from: 'user' })
    return context.exit
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, io)
    const known = error instanceof SnugError
    const code = known ? error.code : 'INTERNAL'
    printLine(io, `snug: ${safeText(describeError(error))} (${code})`)
    printLine(io, `hint: ${errorTable[code].hint}`)
    if (!known && io.env['SNUG_DEBUG'] && error instanceof Error) printLine(io, error.stack ?? '')
    return errorTable[code].exit
  }
}

function reportUsage(error: CommanderError, io: CliIo): number {
  const { exit, hint } = errorTable.USAGE
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return 0
  // A noun without a verb: its help was printed already, on `stderr`.
  if (error.code === 'commander.help') return error.exitCode === 0 ? 0 : exit
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  printLine(io, `snug: ${safeText(message.replaceAll("'", '`'))} (USAGE)`)
  const meant = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? '')?.[1]
  printLine(io, meant === undefined ? `hint: ${hint}` : `hint: did you mean \`${meant}\`?`)
  return exit
}
