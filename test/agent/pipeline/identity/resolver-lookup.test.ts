import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  AnsweredNames,
  type OnResolvers,
} from '../../../../src/agent/pipeline/identity/answered-names.ts'
import { ResolverLookup } from '../../../../src/agent/pipeline/identity/resolver-lookup.ts'

const id = 'a'.repeat(64)
const seen = { id, cgroup: '/a', time: '2026-11-24T13:40:27.123456Z', before: false }

let sent: Parameters<OnResolvers>[]
let found: readonly string[] | undefined
let asked: number
let lookup: ResolverLookup
let names: AnsweredNames

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  asked = 0
  found = undefined
  names = new AnsweredNames({}, Date.now, (...each) => sent.push(each))
  lookup = new ResolverLookup(names, () => {
    asked += 1
    return found
  })
})
afterEach(() => {
  lookup.close()
  vi.useRealTimers()
})

it('the resolvers of a container are looked for until its first process is there', () => {
  lookup.started(seen)
  expect(sent).toEqual([])
  found = ['10.0.0.2']
  vi.advanceTimersByTime(5)
  expect(sent).toEqual([[id, ['10.0.0.2'], []]])
  vi.advanceTimersByTime(60_000)
  expect([sent.length, asked]).toEqual([1, 2])
})

it('a container that has none is asked a few times, and one that ended no more', () => {
  lookup.started(seen)
  vi.advanceTimersByTime(3_600_000)
  const most = asked
  expect(most).toBeLessThan(10)
  lookup.started(seen)
  lookup.ended(id)
  vi.advanceTimersByTime(3_600_000)
  expect(asked).toBe(most + 1)
})

it('one that starts again, or was restored, has those that were found before, and the names', () => {
  const until = Date.now()
  names.restore(id, {
    resolvers: ['10.0.0.9'],
    named: [
      ['192.0.2.1', 'a.test', until],
      ['192.0.2.2', 'old.test', until - 1],
    ],
  })
  lookup.started(seen)
  lookup.started(seen)
  const expected = [id, ['10.0.0.9'], [['192.0.2.1', 'a.test']]]
  expect(sent).toEqual([expected, expected])
  expect(asked).toBe(0)
})

it('an answer that comes first finds them too', () => {
  found = ['10.0.0.2']
  const addresses = [{ address: '192.0.2.1', ttl: 60 }]
  const answer = {
    containerId: id,
    time: seen.time,
    resolver: '10.0.0.2',
    name: 'a.test',
    addresses,
  }
  names.take(answer, () => found)
  expect(sent).toEqual([[id, ['10.0.0.2'], []]])
})
