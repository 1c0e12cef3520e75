import { type Command, Option } from 'commander'
import { type Role, roles } from '../../support/config/role.ts'
import type { CliContext } from '../cli-context.ts'

export function uiCommand(program: Command, context: CliContext): void {
  program
    .command('ui')
    .description(
      'prints a link that signs one browser in to the page; it works once and expires after two minutes',
    )
    .addOption(new Option('--role <role>', 'role of the session').choices(roles).default('admin'))
    .action(async (body: { role: Role }) => {
      const link = await context.client.send<{ url: string }>('POST', '/v1/sign-in-links', body)
      await context.print(link, [link], () => `${link.url}\n`)
    })
}
