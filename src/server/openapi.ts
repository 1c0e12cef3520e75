import { z } from 'zod'
import type { Route } from './route.ts'

type Json = Record<string, unknown>

/** The table of routes as an OpenAPI 3.1 document. */
export function openApi(routes: readonly Route[]): Json {
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

function operationOf(route: Route): Json {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1])
  return {
    summary: route.summary,
    'x-role': route.role,
    security: route.role === 'nobody' ? [] : [{ token: [] }],
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...queryOf(route),
    ],
    ...bodyOf(route),
    responses: { ...answerOf(route), default: problemAnswer },
  }
}

function queryOf(route: Route): Json[] {
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

function bodyOf(route: Route): Json {
  if (route.stream) {
    return {
      requestBody: {
        required: true,
        content: {
          'application/x-ndjson': { schema: { type: 'string', description: 'events, one a line' } },
        },
      },
    }
  }
  if (route.body === undefined) return {}
  return { requestBody: { content: { 'application/json': { schema: jsonSchema(route.body) } } } }
}

function answerOf(route: Route): Json {
  if (route.answer === 'socket') return { 101: { description: 'numbered messages' } }
  if (route.answer === 'text') {
    return { 200: { description: route.summary, content: { 'text/plain': {} } } }
  }
  const schema = jsonSchema(route.answer)
  return { 200: { description: route.summary, content: { 'application/json': { schema } } } }
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}

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
  description: 'a coded refusal',
  content: {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  },
}
