import { describe, expect, it } from 'vitest'
import { PodEntries } from '../../../src/agent/evidence/pod-entries.ts'

interface Entry {
  readonly namespace: string
  readonly pod: string
  readonly atMs: number
}

const entry = (pod: string, atMs: number): Entry => ({ namespace: 'shop', pod, atMs })

function entries(bounds: { readonly all: number; readonly ofPod: number }) {
  const dropped: string[] = []
  const of = new PodEntries<Entry>(
    bounds,
    ({ atMs }) => atMs,
    (key) => dropped.push(key),
  )
  return { of, dropped }
}

describe('what happened in pods of late', () => {
  it('drops the oldest of a pod, and of all, and reports since when something is missing', () => {
    const { of, dropped } = entries({ all: 3, ofPod: 2 })
    for (const at of [1, 2, 3]) of.put(`a${at}`, entry('a', at))
    expect(dropped).toEqual(['a1'])
    expect(of.droppedMs).toBe(1)
    for (const at of [4, 5]) of.put(`b${at}`, entry('b', at))
    expect(dropped).toEqual(['a1', 'a2'])
    expect(of.droppedMs).toBe(2)
    expect(of.of('shop/a')).toEqual([entry('a', 3)])
    expect(of.of('shop/b')).toHaveLength(2)
  })

  it('forgets what is old, which is not missing', () => {
    const { of, dropped } = entries({ all: 9, ofPod: 9 })
    for (const at of [1, 2, 3]) of.put(`a${at}`, entry('a', at))
    of.forget(3)
    expect(of.of('shop/a')).toEqual([entry('a', 3)])
    expect(of.get('a1')).toBeUndefined()
    expect({ dropped, since: of.droppedMs }).toEqual({ dropped: [], since: -Infinity })
  })

  it('has one entry of a key, in its latest state', () => {
    const { of } = entries({ all: 9, ofPod: 9 })
    of.put('a', entry('a', 1))
    of.put('a', entry('a', 2))
    expect(of.of('shop/a')).toEqual([entry('a', 2)])
  })
})
