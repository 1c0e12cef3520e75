import { Argument, type Command } from 'commander'
import { roles } from '../../support/config/role.ts'
import type { TokenHolder } from '../../serve/access/token-file.ts'
import type { CliContext } from '../cli-context.ts'
import { type Column, textTable } from '../output/text-table.ts'

const columns: readonly Column<TokenHolder>[] = [
  { head: 'NAME', value: ({ name }) => name },
  { head: 'ROLE', value: ({ role }) => role },
]

export function tokenCommands(program: Command, context: CliContext): void {
  const token = program.command('token').description('manages tokens for the API over TCP')

  token
    .command('list')
    .description('lists names and roles, never the tokens')
    .action(async () => printHolders(context, await context.client.get('/v1/tokens')))

  token
    .command('create')
    .description('creates a token and prints it once')
    .argument('<name>')
    .addArgument(new Argument('<role>', 'role of the token').choices(roles))
    .action(async (name: string, role: string) => {
      const made = await context.client.send<{ token: string }>('POST', '/v1/tokens', {
        name,
        role,
      })
      await context.print(made, [made], () => `${made.token}\n`)
    })

  token
    .command('remove')
    .description('revokes a token immediately')
    .argument('<name>')
    .action(async (name: string) => {
      const path = `/v1/tokens/${encodeURIComponent(name)}`
      await printHolders(context, await context.client.send('DELETE', path))
    })
}

async function printHolders(context: CliContext, holders: readonly TokenHolder[]): Promise<void> {
  await context.print(holders, holders, () => textTable(columns, holders, context.io))
}
