import { describe, expect, it } from 'vitest'
import type { Alert } from '../../src/event/alert.ts'
import { SnugError } from '../../src/errors.ts'
import { type Collected, Persister } from '../../src/flow/persister.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StoreWrite } from '../../src/store/store.ts'

/** A store that fails as long as it is told to: a full disk. */
class FullStore extends MemoryStore {
  full = false
  override async batch(writes: readonly StoreWrite[]): Promise<void> {
    if (this.full) throw new SnugError('STORE_FAILED', 'no space left')
    await super.batch(writes)
  }
}

const write = (key: string): StoreWrite => ({ kind: 'meta', key, value: key })
const alert = (id: string): Alert => ({ id }) as unknown as Alert

function persisting() {
  const store = new FullStore()
  const queue: Collected[] = []
  const stored: string[] = []
  const errors: unknown[] = []
  const persister = new Persister({
    store,
    intervalMs: 1_000_000,
    collect: () => ({
      writes: queue.flatMap(({ writes }) => writes),
      alerts: queue.splice(0).flatMap(({ alerts }) => alerts),
    }),
    onStored: (alerts) => stored.push(...alerts.map(({ id }) => id)),
    onError: (error) => errors.push(error),
  })
  return { store, queue, stored, errors, persister }
}

describe('the persister', () => {
  it('lets an alert out only when it is in the store', async () => {
    const { queue, stored, persister, store } = persisting()
    queue.push({ writes: [write('a')], alerts: [alert('1')] })
    const flushed = persister.flush()
    expect(stored).toEqual([])
    await flushed
    expect(stored).toEqual(['1'])
    expect((await store.load()).meta['a']).toBe('a')
  })

  it('keeps what the store refused, tells it, and writes it once the store can', async () => {
    const { queue, stored, errors, persister, store } = persisting()
    store.full = true
    queue.push({ writes: [write('a')], alerts: [alert('1')] })
    await persister.flush()
    expect(errors).toHaveLength(1)
    expect(stored).toEqual([])
    queue.push({ writes: [write('b')], alerts: [alert('2')] })
    store.full = false
    await persister.flush()
    expect(stored).toEqual(['1', '2'])
    expect(Object.keys((await store.load()).meta).sort()).toEqual(['a', 'b'])
  })

  it('writes what gathered during a batch right after it', async () => {
    const { queue, stored, persister } = persisting()
    queue.push({ writes: [write('a')], alerts: [alert('1')] })
    const first = persister.flush()
    await Promise.resolve()
    await Promise.resolve()
    queue.push({ writes: [write('b')], alerts: [alert('2')] })
    persister.kick()
    await first
    await persister.flush()
    expect(stored).toEqual(['1', '2'])
  })
})
