import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { mcpServer, type ToolAgent } from '../../serve/mcp/mcp-server.ts'
import { toolCallPath } from '../../serve/mcp/tool-call.ts'
import type { AgentClient } from '../agent-client.ts'
import type { CliIo } from '../cli-io.ts'

/** Serves the tools on standard input and output, until the client goes or a signal ends the command. */
export async function serveMcp(
  client: AgentClient,
  { stdin, stdout, signal }: CliIo,
): Promise<void> {
  const agent: ToolAgent = {
    get: (path) => client.get(path),
    record: (call) => client.send('POST', toolCallPath, call),
  }
  const gone = new Promise<void>((resolve) => {
    for (const event of ['end', 'close']) stdin.once(event, () => resolve())
    signal.addEventListener('abort', () => resolve(), { once: true })
    if (signal.aborted) resolve()
  })
  const handle = serveStdio(() => mcpServer(agent), {
    transport: new StdioServerTransport(stdin, stdout),
  })
  await gone
  await handle.close()
}
