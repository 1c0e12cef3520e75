import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { documentedProgram as whole, silent } from '../../docs/cli-page.ts'
import { createProgram } from '../../src/cli/program.ts'

const commandsIn = async (...args: readonly string[]): Promise<readonly Command[]> =>
  (await createProgram(silent(), args)).program.commands
const namesIn = (commands: readonly Command[]): readonly string[] =>
  commands.map((each) => each.name())

it.each(namesIn(whole.commands))('`%s` alone is as in the whole program', async (name) => {
  const alone = (await commandsIn('--socket', '/s', name, 'agent')).find(
    (each) => each.name() === name,
  )
  const before = whole.commands.find((each) => each.name() === name)
  expect(alone?.helpInformation()).toBe(before?.helpInformation())
})

it('only the commands of the first word are loaded', async () => {
  expect(namesIn(await commandsIn('status'))).toEqual(['status'])
  // The value of a global option is no command.
  const args = ['-o', 'json', '--socket', 'status', '--verbose', 'case', 'list']
  expect(namesIn(await commandsIn(...args))).toEqual(['capture', 'case'])
})

it.each([[], ['--help'], ['help', 'status'], ['statsu'], ['completion', 'bash']])(
  'every command is there for %j',
  async (...args) => {
    expect(namesIn(await commandsIn(...args))).toEqual(namesIn(whole.commands))
  },
)
