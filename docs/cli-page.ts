import { PassThrough } from 'node:stream'
import type { Argument, Command, Option } from 'commander'
import type { CliIo } from '../src/cli/cli-io.ts'
import { createProgram } from '../src/cli/program.ts'
import { createKubectlProgram } from '../src/kubectl/kubectl-program.ts'
import { code, page, table } from './markdown.ts'

/** The commands as documents describe them. */
export const { program: documentedProgram } = await createProgram(silent())

/** A terminal that nobody reads. */
export function silent(): CliIo {
  const stream = new PassThrough()
  return {
    stdin: stream,
    stdout: stream,
    stderr: stream,
    env: {},
    colour: false,
    progress: false,
    interactive: false,
    width: 80,
    signal: new AbortController().signal,
    ended: new AbortController().signal,
  }
}

export function cliPage(): string {
  return page(
    'Command line',
    'Commands write data to standard output and everything else to standard error. Exit codes: 0 success, 1 failure, 2 a deviation or a failed test, 3 invalid configuration, profile or input, 64 wrong usage. IMAGE is `repository`, `repository:tag` or `repository@sha256:…`; a unique prefix of the digest is enough. `event replay` and `profile test` exit with 3 where a line is not an event, even if they found deviations: they did not judge that line.',
    '## Options of every command',
    optionTable(documentedProgram.options),
    ...documentedProgram.commands.flatMap((command) => sections(command, 'snug')),
  )
}

export function kubectlPage(): string {
  const { program } = createKubectlProgram(silent())
  return page(
    'kubectl snug',
    'The plugin for kubectl: see [kubectl snug](../kubectl.md). Data goes to standard output and everything else to standard error. Exit codes: 0 success, 1 failure, or what the command names, 3 invalid kubeconfig, 64 wrong usage. PROFILE is the name of an ImageProfile, `repository` or `repository#namespace`, with `@sha256:…` where it has several versions. The beginning of a digest is enough.',
    '## Options of every command',
    optionTable(program.options),
    ...program.commands.flatMap((command) => sections(command, 'kubectl snug')),
  )
}

function sections(command: Command, before: string): string[] {
  const name = `${before} ${command.name()}`
  if (command.commands.length > 0) return command.commands.flatMap((each) => sections(each, name))
  const { registeredArguments, options } = command
  const usage = [name, ...registeredArguments.map(argumentText)].join(' ')
  const described = registeredArguments.filter(({ description }) => description !== '')
  return [
    `## ${name}`,
    `${code(usage)}: ${command.description()}.`,
    ...(described.length === 0 ? [] : [argumentTable(described)]),
    ...(options.length === 0 ? [] : [optionTable(options)]),
  ]
}

function argumentText(argument: Argument): string {
  return argument.argChoices?.join('|') ?? argument.name().toUpperCase()
}

function argumentTable(rows: readonly Argument[]): string {
  return table(
    ['argument', 'meaning'],
    rows.map((each) => [code(each.name().toUpperCase()), each.description]),
  )
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['option', 'meaning'],
    options.map(({ flags, description, argChoices, defaultValue, mandatory }) => {
      const notes = [
        ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
        ...(defaultValue === undefined ? [] : [`default ${String(defaultValue)}`]),
        ...(mandatory ? ['required'] : []),
      ]
      return [
        code(flags),
        notes.length === 0 ? description : `${description} (${notes.join('; ')})`,
      ]
    }),
  )
}
