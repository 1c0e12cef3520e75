import { routes } from '../../../src/serve/routes/routes.ts'
import { check } from '../../../src/serve/request-body.ts'
import { editedJson, seedsOf } from './edited-json.ts'
import { coded } from './expect-coded.ts'

const seeds = seedsOf('http-bodies', 1)
const withBody = routes.filter(({ body }) => body !== undefined)

/** The body of a request, as JSON behind a byte that chooses the route, for each schema of one. */
export function fuzz(data: Buffer): void {
  const route = withBody[(data[0] ?? 0) % withBody.length]
  const value = editedJson(data.subarray(1), seeds)
  if (route === undefined || value === undefined) return
  coded(() => check(route.body, value))
  coded(() => check(route.query, value))
}
