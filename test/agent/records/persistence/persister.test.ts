import { describe, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import type { OutboundRecord } from '../../../../src/core/event/outbound-record.ts'
import { SnugError } from '../../../../src/errors.ts'
import { type Collected, Persister } from '../../../../src/agent/records/persistence/persister.ts'
import { MemoryStore } from '../../../../src/agent/records/store/memory-store.ts'
import type { StoreWrite } from '../../../../src/agent/records/store/store.ts'

/** A store that fails on demand, like a full disk. */
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
  const lost: string[] = []
  const persister = new Persister({
    store,
    intervalMs: 1_000_000,
    mostWaiting: 3,
    onLost: (alerts) => lost.push(...alerts.map(({ id }) => id)),
    collect: async () => ({
      writes: queue.flatMap(({ writes }) => writes),
      outbound: queue.splice(0).flatMap(({ outbound }) => outbound),
    }),
    onStored: (outbound) => stored.push(...outbound.map(({ id }) => id)),
    onError: (error) => errors.push(error),
  })
  return { store, queue, stored, errors, lost, persister }
}

describe('the persister', () => {
  it('lets an alert out only when it is in the store', async () => {
    const { queue, stored, persister, store } = persisting()
    queue.push({ writes: [write('a')], outbound: [alert('1')] })
    const flushed = persister.flush()
    expect(stored).toEqual([])
    await flushed
    expect(stored).toEqual(['1'])
    expect((await store.load()).meta['a']).toBe('a')
  })

  it('keeps records that the store refused, reports the failure and writes them later', async () => {
    const { queue, stored, errors, persister, store } = persisting()
    store.full = true
    queue.push({ writes: [write('a')], outbound: [alert('1')] })
    expect(await persister.flush()).toBe(false)
    expect(errors).toHaveLength(1)
    expect(stored).toEqual([])
    queue.push({ writes: [write('b')], outbound: [alert('2')] })
    store.full = false
    expect(await persister.flush()).toBe(true)
    expect(stored).toEqual(['1', '2'])
    expect(Object.keys((await store.load()).meta).sort()).toEqual(['a', 'b'])
  })

  it('writes records that arrive during a batch right after it', async () => {
    const { queue, stored, persister } = persisting()
    queue.push({ writes: [write('a')], outbound: [alert('1')] })
    const first = persister.flush()
    await Promise.resolve()
    await Promise.resolve()
    queue.push({ writes: [write('b')], outbound: [alert('2')] })
    persister.kick()
    await first
    await persister.flush()
    expect(stored).toEqual(['1', '2'])
  })

  it('keeps each record once while the store refuses, so that the backlog does not grow with time', async () => {
    const { queue, stored, persister, store } = persisting()
    store.full = true
    for (let count = 1; count <= 50; count += 1) {
      queue.push({ writes: [write('a'), write('b')], outbound: [alert('1')] })
      await persister.flush()
    }
    expect(persister.waiting).toBe(2)
    store.full = false
    await persister.flush()
    expect(persister.waiting).toBe(0)
    expect(stored).toEqual(['1'])
  })

  it('drops and names the oldest alerts where there are too many, but never audit entries', async () => {
    const { queue, stored, lost, persister, store } = persisting()
    store.full = true
    const audit = { id: '0', type: 'audit' } as unknown as OutboundRecord
    const alerts = ['1', '2', '3', '4', '5'].map(alert)
    const writes = alerts.map(({ id }): StoreWrite => {
      return { kind: 'alert', id, fingerprint: id, value: id }
    })
    queue.push({ writes, outbound: [audit, ...alerts] })
    await persister.flush()
    expect(lost).toEqual(['1', '2'])
    store.full = false
    await persister.flush()
    expect(stored).toEqual(['0', '3', '4', '5'])
    expect((await store.load()).alerts.map(({ id }) => id)).toEqual(['3', '4', '5'])
    expect(persister.counts).toEqual({ done: 1, failed: 1, givenUp: 2 })
  })
})
