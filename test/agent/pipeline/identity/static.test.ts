import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StaticEngine } from '../../../../src/agent/pipeline/identity/static-engine.ts'

let folder: string
let path: string
const stop = new AbortController()
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-static-')
  path = join(folder, 'containers.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(...ids: string[]): void {
  const containers = ids.map((id) => ({
    id,
    name: `c-${id}`,
    image: { repository: 'demo', digest: 'sha256:1' },
    addresses: [`10.0.0.${id.length}`],
  }))
  writeFileSync(path, JSON.stringify({ containers }))
}

it('has the containers of its file, including those added later', async () => {
  write('a')
  const engine = new StaticEngine(path)
  await engine.start(stop.signal)
  expect(engine.state).toEqual({ kind: 'running' })
  expect(engine.known('a')).toMatchObject({ name: 'c-a', imageId: 'sha256:1', labels: {} })
  expect(await engine.lookup('bb')).toBe('unknown')
  const reported: string[] = []
  engine.subscribe(({ id }) => reported.push(id))
  write('a', 'bb')
  expect(await engine.lookup('bb')).toMatchObject({ id: 'bb' })
  expect(reported).toEqual(['bb'])
  expect(engine.peer('10.0.0.2')).toEqual({ name: 'c-bb', image: 'demo' })
})

it('is degraded while its file is missing or invalid, keeps its containers and recovers', async () => {
  const engine = new StaticEngine(path)
  await engine.start(stop.signal)
  expect(engine.state.kind).toBe('degraded')
  expect(await engine.lookup('a')).toBe('unavailable')
  write('a')
  expect(await engine.lookup('a')).toMatchObject({ id: 'a' })
  expect(engine.state.kind).toBe('running')
  writeFileSync(path, '{"containers":[{"id":""}]}')
  expect(await engine.lookup('bb')).toBe('unavailable')
  expect(engine.known('a')).toMatchObject({ id: 'a' })
})
