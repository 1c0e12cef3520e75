import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'

export function mcpCommand(program: Command, context: CliContext): void {
  program
    .command('mcp')
    .description(
      'serves the Model Context Protocol on standard input and output, for assistants: read-only tools over the agent, see docs/mcp.md',
    )
    .action(async () => {
      // Here and not above, so that the other commands start without the protocol.
      const { serveMcp } = await import('../mcp/serve-mcp.ts')
      await serveMcp(context.client, context.io)
    })
}
