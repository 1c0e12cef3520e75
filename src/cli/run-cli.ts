import type { CliIo } from './cli-io.ts'
import { createProgram } from './program.ts'
import { runProgram } from './run-program.ts'

/** Runs one command of `snug`; resolves with its exit code. Never throws: errors go to `stderr`. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  return runProgram(await createProgram(io, args), args, io)
}
