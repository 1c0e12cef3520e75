import { McpServer } from '@modelcontextprotocol/server'
import { describeError, SnugError } from '../../errors.ts'
import { packageVersion } from '../../support/package-version.ts'
import { answerText, dataNote } from './mcp-answer.ts'
import { mcpTools, type Reader } from './mcp-tools.ts'
import type { ToolCall } from './tool-call.ts'

const instructions =
  'Snug learns what each container image does, and alerts on deviations. These tools read the agent of one node and change nothing: decisions are for people, who make them with the command line or the page.'

/** An agent, as its caller may use it. */
export interface ToolAgent extends Reader {
  /** For the audit log. A call that is not on record is not answered. */
  record(call: ToolCall): Promise<unknown>
}

/** The tools for one connection, or one request. */
export function mcpServer(agent: ToolAgent): McpServer {
  const server = new McpServer({ name: 'snug', version: packageVersion() }, { instructions })
  for (const { name, title, description, input, read } of mcpTools) {
    const annotations = { readOnlyHint: true, openWorldHint: false }
    server.registerTool(name, { title, description, inputSchema: input, annotations }, (given) =>
      answered(async () => {
        await agent.record({ tool: name, input: given as ToolCall['input'] })
        return read(agent, given)
      }),
    )
  }
  return server
}

async function answered(read: () => Promise<unknown>) {
  try {
    return { content: [part(dataNote), part(answerText(await read()))] }
  } catch (error) {
    const known = error instanceof SnugError
    const failure = {
      code: known ? error.code : 'INTERNAL',
      message: describeError(error),
      ...(known ? { hint: error.hint } : {}),
    }
    return { isError: true, content: [part(dataNote), part(answerText(failure))] }
  }
}

function part(text: string) {
  return { type: 'text' as const, text }
}
