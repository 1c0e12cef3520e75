import { z } from 'zod'
import { mcpTools } from './mcp-tools.ts'

/** A client of the Model Context Protocol sends here what it asks. */
export const mcpPath = '/v1/mcp'
/** Each call of a tool goes on record here before its reads. */
export const toolCallPath = '/v1/tool-calls'

const names = mcpTools.map(({ name }) => name)
const value = z.union([z.string().max(500), z.number(), z.boolean()])

export const toolCall = z.strictObject({
  tool: z.enum(names),
  input: z
    .record(z.string().max(40), value)
    .refine((input) => Object.keys(input).length <= 10, 'too many inputs'),
})
export type ToolCall = z.output<typeof toolCall>
