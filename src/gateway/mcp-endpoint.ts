import type { IncomingMessage } from 'node:http'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { readJson } from '../support/net/json-body.ts'
import { mcpServer } from '../serve/mcp/mcp-server.ts'
import { toolCallPath } from '../serve/mcp/tool-call.ts'
import type { BackendClient } from './backend-client.ts'
import { type Credential, headersOf } from './credential.ts'

/** The tools never change, so there is nothing to listen for. */
const mostListeners = 0

/**
 * Answers one request of the Model Context Protocol. Each read of a tool is a request to the daemon with the credential of
 * its caller, who so sees what the role allows. No session is kept.
 *
 * Errors: BODY_INVALID, BODY_TOO_LARGE, REQUEST_SLOW.
 */
export async function answerMcp(
  request: Request,
  incoming: IncomingMessage,
  { link, credential, bodyMs }: McpCaller,
): Promise<Response> {
  const headers = headersOf(credential)
  const { signal } = request
  const server = () =>
    mcpServer({
      get: (path) => link.json(path, { headers, signal }),
      record: (call) =>
        link.json(toolCallPath, { method: 'POST', headers, body: JSON.stringify(call), signal }),
    })
  const handler = createMcpHandler(server, { maxSubscriptions: mostListeners })
  const parsedBody =
    request.method === 'POST' ? await readJson(incoming, { withinMs: bodyMs }) : undefined
  return handler.fetch(request, { parsedBody })
}

export interface McpCaller {
  readonly link: BackendClient
  readonly credential: Credential
  readonly bodyMs: number
}
