import { z } from 'zod'
import type { RouteShape } from './routes/route.ts'

type Json = Record<string, unknown>

/** The table of routes as an OpenAPI 3.1 document. */
export function openApi(routes: readonly RouteShape[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Snug',
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: problemSchema },
    },
  }
}

function operationOf(route: RouteShape): Json {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1])
  return {
    summary: route.summary,
    'x-role': route.role,
    security: route.role === 'nobody' ? [] : [{ token: [] }],
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...queryOf(route),
      ...ifMatchOf(route),
    ],
    ...bodyOf(route),
    responses: { ...answerOf(route), default: problemAnswer },
  }
}

function queryOf(route: RouteShape): Json[] {
  if (route.query === undefined) return []
  const { properties = {}, required = [] } = jsonSchema(route.query)
  const needed = Array.isArray(required) ? required : []
  return Object.entries(properties as Json).map(([name, schema]) => ({
    name,
    in: 'query',
    required: needed.includes(name),
    schema,
  }))
}

function ifMatchOf({ subject, method }: RouteShape): Json[] {
  if (subject === undefined || method === 'GET') return []
  const description = `\`ETag\` of the ${subject} that the client has read; \`*\` matches any state`
  return [{ name: 'If-Match', in: 'header', required: true, description, schema: string }]
}

function headersOf({ subject, query }: RouteShape): Json {
  const headers: Json = {}
  if (subject !== undefined) headers['ETag'] = { description: `of the ${subject}`, schema: string }
  if (query !== undefined && 'cursor' in ((jsonSchema(query)['properties'] ?? {}) as Json)) {
    headers['Link'] = { description: 'the next page, `rel="next"` (RFC 8288)', schema: string }
  }
  return Object.keys(headers).length === 0 ? {} : { headers }
}

function bodyOf(route: RouteShape): Json {
  if (route.stream) {
    return {
      requestBody: {
        required: true,
        content: {
          'application/x-ndjson': {
            schema: { type: 'string', description: 'events, one per line' },
          },
        },
      },
    }
  }
  if (route.body === undefined) return {}
  return { requestBody: { content: { 'application/json': { schema: jsonSchema(route.body) } } } }
}

function answerOf(route: RouteShape): Json {
  if (route.answer === 'socket') return { 101: { description: 'numbered messages' } }
  if (route.answer === 'text') {
    return { 200: { description: route.summary, content: { 'text/plain': {} } } }
  }
  const schema = jsonSchema(route.answer)
  const content = { 'application/json': { schema } }
  return { 200: { description: route.summary, ...headersOf(route), content } }
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

const string = { type: 'string' }

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'hint'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    hint: { type: 'string' },
  },
}

const problemAnswer = {
  description: 'an error with its code',
  content: {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  },
}
