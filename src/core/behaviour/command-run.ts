import type { ProcessRef } from '../event/event.ts'

/** Of a process as it begins. */
export type StartedProgram = Pick<ProcessRef, 'args' | 'argsCut' | 'script'>

/** Whether these are all of its arguments. Of cut arguments that is not certain. */
export function runsCommand(process: StartedProgram, command: readonly string[]): boolean {
  const { args = [], script } = process
  if (process.argsCut === true) return false
  if (script !== undefined) return runsScript(args, script, command)
  return args.length === command.length && args.every((arg, at) => arg === command[at])
}

/** The kernel puts the interpreter before the script, with one argument at most. */
function runsScript(args: readonly string[], script: string, command: readonly string[]): boolean {
  const [first = '', ...rest] = command
  const at = args.length - command.length
  const own = args.slice(at + 1)
  // A session that repeats the script's name gives it as an argument to the script.
  const isOption = at === 2 && nameIn(args[1]) !== nameIn(script)
  // Directly behind the interpreter stands what was passed. It may be a link to the script.
  const isPassed = at === 1 ? isCommand(args[1] ?? '', first) : isCommand(script, first)
  return (
    (at === 1 || (isOption && nameIn(args[at]) === nameIn(script))) &&
    isPassed &&
    own.every((arg, i) => arg === rest[i])
  )
}

function nameIn(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf('/') + 1)
}

/** Whether the command names this script: by its path, or by a name found in PATH. */
function isCommand(script: string, first: string): boolean {
  return script === first || (!first.includes('/') && script.endsWith(`/${first}`))
}
