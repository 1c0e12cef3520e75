import type { Argument, Command, Option } from 'commander'
import { documentedProgram } from './cli-page.ts'

/** Writes the manual page of the command line, `snug.1`, to standard output; packages ship it. */
process.stdout.write(manPage(process.argv[2] ?? ''))

function manPage(version: string): string {
  const program = documentedProgram
  return [
    `.TH SNUG 1 "" "snug ${escape(version)}" "Snug"`,
    '.SH NAME',
    `snug \\- ${escape(program.description())}`,
    '.SH SYNOPSIS',
    '.B snug',
    '.I COMMAND',
    '.RI [ OPTION ...]',
    '.SH OPTIONS OF EVERY COMMAND',
    ...optionLines(program.options),
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => sections(command, 'snug')),
    '.SH EXIT STATUS',
    '0 success, 1 failure, 2 a deviation or a failed test, 3 invalid configuration, profile or input, 64 wrong usage.',
    '.SH FILES',
    '.TP\n.I /etc/snug/snug.yaml\nthe configuration; \\fBsnug config explain\\fR prints every key',
    '.TP\n.I /var/lib/snug\nprofiles, alerts, audit log and tokens',
    '.TP\n.I /sys/fs/bpf/snug\nwhat stays in the kernel; \\fBsnug kernel detach\\fR removes it',
    '',
  ].join('\n')
}

function sections(command: Command, before: string): string[] {
  const name = `${before} ${command.name()}`
  if (command.commands.length > 0) return command.commands.flatMap((each) => sections(each, name))
  const { registeredArguments, options } = command
  const usage = [name, ...registeredArguments.map(argumentText)].join(' ')
  return [
    `.SS ${escape(usage)}`,
    `${escape(command.description())}.`,
    ...registeredArguments
      .filter(({ description }) => description !== '')
      .flatMap((each) => ['.TP', `.I ${argumentText(each)}`, escape(each.description)]),
    ...optionLines(options),
  ]
}

function argumentText(argument: Argument): string {
  return argument.argChoices?.join('|') ?? argument.name().toUpperCase()
}

function optionLines(options: readonly Option[]): string[] {
  return options.flatMap(({ flags, description, argChoices, defaultValue }) => {
    const notes = [
      ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
      ...(defaultValue === undefined ? [] : [`default ${String(defaultValue)}`]),
    ]
    const text = notes.length === 0 ? description : `${description} (${notes.join('; ')})`
    return ['.TP', `.B ${escape(flags)}`, escape(text)]
  })
}

/** Plain text as roff: a dash that can be copied, and no line that starts with a control character. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
