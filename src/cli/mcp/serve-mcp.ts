import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { describeError, SnugError } from '../../errors.ts'
import { packageVersion } from '../../support/package-version.ts'
import type { CliIo } from '../cli-io.ts'
import { answerText, dataNote } from './mcp-answer.ts'
import { mcpTools, type Reader } from './mcp-tools.ts'

const instructions =
  'Snug learns what each container image does, and alerts on deviations. These tools read the agent of one node and change nothing: decisions are for people, who make them with the command line or the page.'

/** Serves the tools on standard input and output, until the client goes or a signal ends the command. */
export async function serveMcp(reader: Reader, { stdin, stdout, signal }: CliIo): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    for (const event of ['end', 'close']) stdin.once(event, () => resolve())
    signal.addEventListener('abort', () => resolve(), { once: true })
    if (signal.aborted) resolve()
  })
  const handle = serveStdio(() => serverOf(reader), {
    transport: new StdioServerTransport(stdin, stdout),
  })
  await gone
  await handle.close()
}

function serverOf(reader: Reader): McpServer {
  const server = new McpServer({ name: 'snug', version: packageVersion() }, { instructions })
  for (const { name, title, description, input, read } of mcpTools) {
    const annotations = { readOnlyHint: true, openWorldHint: false }
    server.registerTool(name, { title, description, inputSchema: input, annotations }, (given) =>
      answered(() => read(reader, given)),
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
