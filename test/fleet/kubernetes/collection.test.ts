import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askedMs, KubeError } from '../../../src/fleet/kubernetes/kube-error.ts'
import { Collection, type CollectionState } from '../../../src/fleet/kubernetes/collection.ts'
import { ScriptedApi } from '../../fixtures/kube-server.ts'

const path = '/api/v1/pods'
let server: ScriptedApi
let stop: AbortController
let collection: Collection<string>
let states: CollectionState['kind'][]
let waits: number[]
let removed: string[]
let running: Promise<void>

beforeEach(async () => {
  server = new ScriptedApi(path)
  await server.start()
  server.put('a')
  server.put('b')
  stop = new AbortController()
  states = []
  waits = []
  removed = []
})

afterEach(async () => {
  stop.abort()
  await running
  await server.kill()
})

async function follow(): Promise<void> {
  collection = new Collection<string>({
    api: server.api(),
    path,
    query: { fieldSelector: 'spec.nodeName=n1' },
    take: ({ metadata: { name } }) => (name.startsWith('hidden') ? undefined : name),
    onState: ({ kind }) => {
      if (states.at(-1) !== kind) states.push(kind)
    },
    onRemoved: (item) => removed.push(item),
    random: () => 0,
    wait: async (ms, signal) => {
      waits.push(ms)
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 5)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    },
  })
  await new Promise<void>((decided) => {
    running = collection.run(stop.signal, decided)
  })
}

function items(): readonly string[] {
  return [...collection.items.values()].sort()
}

const lists = () => server.asked.filter(({ query }) => !query.has('watch'))
const watches = () => server.asked.filter(({ query }) => query.has('watch'))

describe('a collection of the API server', () => {
  it('is listed from the cache of the server, and then watched', async () => {
    await follow()
    expect(items()).toEqual(['a', 'b'])
    expect(lists()[0]?.query.get('resourceVersion')).toBe('0')
    await server.until(() => server.watching === 1)
    server.put('c')
    server.remove('a')
    await expect.poll(() => items()).toEqual(['b', 'c'])
    expect(removed).toEqual(['a'])
    const [watch] = watches()
    expect(watch?.query.get('fieldSelector')).toBe('spec.nodeName=n1')
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true')
    expect(Number(watch?.query.get('timeoutSeconds'))).toBeGreaterThan(200)
  })

  it('continues where it was when the server ends the watch, without another list', async () => {
    await follow()
    await server.until(() => server.watching === 1)
    server.put('c')
    await expect.poll(() => items()).toContain('c')
    server.endWatches()
    await server.until(() => watches().length === 2)
    server.put('d')
    await expect.poll(() => items()).toContain('d')
    expect(lists()).toHaveLength(1)
    expect(waits).toEqual([])
  })

  it('keeps its position by bookmarks, so that older versions may be compacted', async () => {
    await follow()
    await server.until(() => server.watching === 1)
    server.bookmark()
    server.compact()
    const begun = (): number => {
      server.endWatches()
      return watches().length
    }
    await expect.poll(begun).toBeGreaterThan(1)
    await server.until(() => server.watching === 1)
    expect(lists()).toHaveLength(1)
  })

  it.each(['answer', 'line'] as const)(
    'lists again, from storage and by pages, where 410 comes as %s, and reports removed objects',
    async (how) => {
      await follow()
      await server.until(() => server.watching === 1)
      await server.kill()
      server.remove('a')
      for (const name of ['c', 'd', 'e']) server.put(name)
      if (how === 'answer') server.compact()
      else server.refusals.push({ status: 410, body: { reason: 'Expired' } })
      await server.start()
      await expect.poll(() => items()).toEqual(['b', 'c', 'd', 'e'])
      expect(removed).toEqual(['a'])
      const pages = lists().slice(1)
      expect(pages.map(({ query }) => query.get('continue'))).toEqual([null, '2'])
      expect(pages.every(({ query }) => !query.has('resourceVersion'))).toBe(true)
    },
  )

  it('takes a watch that ends with 410 for a reason to list, and other errors for one to wait', async () => {
    await follow()
    await server.until(() => server.watching === 1)
    server.failWatches(410)
    await server.until(() => lists().length === 2 && server.watching === 1)
    expect(waits).toEqual([])
    server.failWatches(500)
    await server.until(() => server.watching === 1 && watches().length === 3)
    expect(lists()).toHaveLength(2)
    expect(waits).toHaveLength(1)
  })

  it('begins a listing again that broke half-way', async () => {
    server.put('c')
    await follow()
    await server.until(() => server.watching === 1)
    server.failWatches(410)
    await server.until(() => lists().length === 2)
    server.refusals.push({ status: 500 })
    await expect.poll(() => collection.state.kind).toBe('running')
    expect(items()).toEqual(['a', 'b', 'c'])
    expect(removed).toEqual([])
  })

  it('keeps its items while the server is down, reports the outage and catches up', async () => {
    await follow()
    await server.until(() => server.watching === 1)
    await server.kill()
    await expect.poll(() => collection.state.kind).toBe('degraded')
    expect(items()).toEqual(['a', 'b'])
    server.put('c')
    await server.start()
    await expect.poll(() => items()).toEqual(['a', 'b', 'c'])
    expect(states).toEqual(['running', 'degraded', 'running'])
    expect(lists()).toHaveLength(1)
  })

  it('waits at least as long as a server under load requests', async () => {
    server.refusals.push({ status: 429, headers: { 'retry-after': '7' } })
    await follow()
    expect(collection.state.kind).toBe('degraded')
    await expect.poll(() => collection.state.kind).toBe('running')
    expect(waits).toHaveLength(1)
    expect(waits[0]).toBeGreaterThanOrEqual(7_000)
  })

  it('shows the credentials of the moment with each request', async () => {
    let turn = 0
    server.tokens = () => `token-${++turn}`
    server.refusals.push({ status: 401, body: { message: 'Unauthorized' } })
    await follow()
    await server.until(() => server.watching === 1)
    expect(server.asked.map(({ token }) => token)).toEqual(['token-1', 'token-2', 'token-3'])
  })

  it('names the request that the server refuses', async () => {
    const message = 'pods is forbidden: User "snug" cannot list resource "pods"'
    server.refusals.push({ status: 403, body: { message, reason: 'Forbidden' } })
    await follow()
    expect(collection.state).toMatchObject({
      kind: 'degraded',
      reason: expect.stringContaining(message) as string,
    })
  })

  it('omits irrelevant objects and removes those that become irrelevant', async () => {
    server.put('hidden-1')
    await follow()
    expect(items()).toEqual(['a', 'b'])
  })
})

describe('the pause that a server asks for', () => {
  it('is that of its last answer, and none where it did not answer', () => {
    const asked = new KubeError('later', { answered: 429, retryAfterMs: 3_600_000 })
    expect(askedMs(asked)).toBe(3_600_000)
    expect(askedMs(new Error('gone'))).toBe(0)
  })
})
