import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { mcpServer } from '../../src/serve/mcp/mcp-server.ts'

test('a call that cannot be recorded reads nothing, and has the code of the refusal', async () => {
  const read: string[] = []
  const server = mcpServer({
    get: async <T>(path: string) => {
      read.push(path)
      return {} as T
    },
    record: async () => {
      throw new SnugError('STORE_FAILED', 'the disk is full')
    },
  })
  const [here, there] = InMemoryTransport.createLinkedPair()
  await server.connect(here)
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(there)
  const { content, isError } = await client.callTool({ name: 'status', arguments: {} })
  expect(isError).toBe(true)
  expect(JSON.stringify(content)).toContain('STORE_FAILED')
  expect(read).toEqual([])
  await client.close()
})
