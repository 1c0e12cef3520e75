import { Command } from 'commander'
import { packageVersion } from '../support/package-version.ts'
import type { CliIo } from './cli-io.ts'

/** A program without commands. `run-cli.ts` prints its errors, in one form. */
export function baseProgram(name: string, description: string, io: CliIo): Command {
  return new Command(name)
    .description(description)
    .version(packageVersion(), '-V, --version', 'prints the version')
    .helpOption('-h, --help', 'explains a command')
    .helpCommand('help [command]', 'explains a command')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
}
