import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask } from '../fixtures/api-client.ts'
import {
  sampleAlert,
  sampleBehaviour,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

const nextPattern = /^<(\/[^>]+)>; rel="next"$/

async function pageAt(path: string): Promise<{ rows: unknown; next: string | undefined }> {
  const { status, json, headers, text } = await ask(fixture, path, { socketPath: fixture.socket })
  expect(status, text).toBe(200)
  const link = headers['link']
  return { rows: json, next: link === undefined ? undefined : nextPattern.exec(String(link))?.[1] }
}

/** Reads from one page to the next. `meanwhile` happens after each. */
async function readAll(
  path: string,
  idsOf: (rows: unknown) => readonly unknown[],
  meanwhile: () => void = () => undefined,
): Promise<unknown[]> {
  const ids: unknown[] = []
  let next: string | undefined = path
  while (next !== undefined) {
    const page = await pageAt(next)
    ids.push(...idsOf(page.rows))
    meanwhile()
    next = page.next
  }
  return ids
}

const each = (member: string) => (rows: unknown) =>
  (rows as Record<string, unknown>[]).map((row) => row[member])

describe('a list in pages', () => {
  it('of alerts has each once, though new ones arrive between the pages', async () => {
    const alerts = Array.from({ length: 10 }, (_, at) => sampleAlert(`a-${at + 10}`)).reverse()
    fixture.engine.kept = alerts
    let fresh = 50
    const ids = await readAll('/v1/alerts?limit=3&severity=high', each('id'), () => {
      fresh += 1
      fixture.engine.kept = [sampleAlert(`a-${fresh}`), ...fixture.engine.kept]
    })
    expect(ids).toEqual(alerts.map(({ id }) => id))
  })

  it('of the audit continues below the last number of the previous page', async () => {
    fixture.engine.audited = [7, 6, 5, 4, 3, 2, 1]
    expect(await readAll('/v1/audit?limit=2', each('seq'))).toEqual([7, 6, 5, 4, 3, 2, 1])
  })

  it('of behaviours keeps the version on each page', async () => {
    fixture.engine.behaviours = ['b-1', 'b-2', 'b-3', 'b-4', 'b-5'].map((id) =>
      sampleBehaviour(id, id),
    )
    const path = `/v1/images/${encodeURIComponent('registry.local/shop/web:1.4')}/profile`
    const idsOf = (body: unknown): readonly unknown[] => {
      const { version, behaviours } = body as { version: { tags: string[] }; behaviours: unknown }
      expect(version.tags).toEqual(['1.4'])
      return each('id')(behaviours)
    }
    expect(await readAll(`${path}?limit=2`, idsOf)).toEqual(['b-1', 'b-2', 'b-3', 'b-4', 'b-5'])
    expect(await readAll(path, idsOf)).toHaveLength(5)
  })

  it('of images is as it was without a limit', async () => {
    expect((await pageAt('/v1/images')).rows).toHaveLength(1)
    expect(await readAll('/v1/images?limit=1', each('repository'))).toEqual([
      'registry.local/shop/web',
    ])
  })

  it('states what it cost the agent', async () => {
    const { headers } = await ask(fixture, '/v1/images', { socketPath: fixture.socket })
    expect(headers['server-timing']).toMatch(/^agent;dur=\d+\.\d$/)
  })

  it.each([
    '/v1/audit?cursor=bm8',
    '/v1/alerts?cursor=%00',
    '/v1/images?limit=0',
    '/v1/images?limit=1e9',
  ])('refuses %s', async (path) => {
    const { json } = await ask(fixture, path, { socketPath: fixture.socket })
    expect(json).toMatchObject({ status: 400, code: 'BODY_INVALID' })
  })
})
