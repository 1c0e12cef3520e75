import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { mcpPath, toolCall, toolCallPath } from '../mcp/tool-call.ts'
import { type Route, route } from './route.ts'

/** What assistants use: see docs/mcp.md. */
export const toolRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: mcpPath,
    role: 'viewer',
    gateway: true,
    summary: 'the Model Context Protocol over HTTP: read-only tools, each call of which is audited',
    answer: 'text',
    handle: () => {
      throw new SnugError('BODY_INVALID', 'the protocol is for TCP; here it is `snug mcp`')
    },
  }),
  route({
    method: 'POST',
    path: toolCallPath,
    role: 'viewer',
    summary: 'puts the call of a tool into the audit log; reads nothing',
    body: toolCall,
    answer: z.strictObject({}),
    handle: async ({ engine }, { body: { tool, input }, by }) => {
      await engine.record('tool-call', by, { name: tool, input })
      return {}
    },
  }),
]
