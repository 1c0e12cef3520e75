import { describe, expect, it } from 'vitest'
import { AnsweredNames } from '../../../../src/agent/pipeline/identity/answered-names.ts'
import { parseResolvers } from '../../../../src/agent/pipeline/identity/resolver-file.ts'
import type { NameAnswer } from '../../../../src/agent/pipeline/sources/source.ts'

const id = 'a'.repeat(64)
const other = 'b'.repeat(64)
const resolver = '10.0.0.2'
const trusted = () => [resolver]
const day = 86_400_000

function answer(name: string, addresses: readonly string[], from = resolver, ttl = 60): NameAnswer {
  return {
    containerId: id,
    time: '2026-11-24T13:40:27.123456Z',
    resolver: from,
    name,
    addresses: addresses.map((address) => ({ address, ttl })),
  }
}

describe('the name of an address', () => {
  it('is the one that the container asked for last, and no other container has it', () => {
    const names = new AnsweredNames()
    names.take(answer('a.test', ['192.0.2.1', '192.0.2.2']), trusted)
    names.take(answer('b.test', ['192.0.2.2']), trusted)
    expect(names.nameOf(id, '192.0.2.1')).toBe('a.test')
    expect(names.nameOf(id, '192.0.2.2')).toBe('b.test')
    expect(names.nameOf(id, '192.0.2.3')).toBeUndefined()
    expect(names.nameOf(other, '192.0.2.1')).toBeUndefined()
  })

  it('comes from a resolver of the container only: an answer of its own or of a peer counts for nothing', () => {
    const names = new AnsweredNames()
    for (const from of ['127.0.0.1', '198.51.100.9', '::1']) {
      names.take(answer('a.test', ['192.0.2.1'], from), trusted)
    }
    expect(names.nameOf(id, '192.0.2.1')).toBeUndefined()
    expect(names.untrusted).toBe(3)
  })

  it('is none while the resolvers are not known; they are looked for once a second, then never again', () => {
    let [nowMs, asked] = [day, 0]
    const names = new AnsweredNames({}, () => nowMs)
    const later = (): readonly string[] | undefined => {
      asked += 1
      return asked < 2 ? undefined : [resolver]
    }
    for (let i = 0; i < 5; i++) names.take(answer('a.test', ['192.0.2.1']), later)
    expect(names.nameOf(id, '192.0.2.1')).toBeUndefined()
    expect(asked).toBe(1)
    nowMs += 1_000
    for (let i = 0; i < 5; i++) names.take(answer('a.test', ['192.0.2.1']), later)
    expect(names.nameOf(id, '192.0.2.1')).toBe('a.test')
    expect(asked).toBe(2)
  })

  it('outlives the time of the answer by days, and a long time by none', () => {
    let nowMs = day
    const names = new AnsweredNames({}, () => nowMs)
    names.take(answer('short.test', ['192.0.2.1']), trusted)
    names.take(answer('long.test', ['192.0.2.2'], resolver, 0x7fff_ffff), trusted)
    nowMs += 7 * day
    expect(names.nameOf(id, '192.0.2.1')).toBe('short.test')
    nowMs += 1
    expect(names.nameOf(id, '192.0.2.1')).toBeUndefined()
    expect(names.nameOf(id, '192.0.2.2')).toBe('long.test')
    nowMs += 23 * day
    expect(names.nameOf(id, '192.0.2.2')).toBeUndefined()
  })

  it('is never one for the container itself, or for no address', () => {
    const names = new AnsweredNames()
    const own = ['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::']
    names.take(answer('a.test', own), trusted)
    for (const address of own) expect(names.nameOf(id, address)).toBeUndefined()
  })
})

describe('the table of names', () => {
  it('keeps the addresses of a container that were answered last, and the containers', () => {
    const names = new AnsweredNames({ perContainer: 2, containers: 2 })
    for (const last of [1, 2, 1, 3]) names.take(answer('a.test', [`192.0.2.${last}`]), trusted)
    expect([1, 2, 3].map((last) => names.nameOf(id, `192.0.2.${last}`))).toEqual([
      'a.test',
      undefined,
      'a.test',
    ])
    for (const letter of ['b', 'c']) {
      const containerId = letter.repeat(64)
      names.take({ ...answer('b.test', ['192.0.2.1']), containerId }, trusted)
    }
    expect(names.nameOf(id, '192.0.2.1')).toBeUndefined()
    expect(names.nameOf(other, '192.0.2.1')).toBe('b.test')
  })

  it('keeps so many addresses of all containers: the one whose last answer is the oldest loses its names', () => {
    const names = new AnsweredNames({ total: 5 })
    const of = (letter: string, count: number): void => {
      const addresses = Array.from({ length: count }, (_, i) => `192.0.2.${i}`)
      names.take({ ...answer('a.test', addresses), containerId: letter.repeat(64) }, trusted)
    }
    const has = (letter: string) => names.nameOf(letter.repeat(64), '192.0.2.0') !== undefined
    of('a', 2)
    of('b', 2)
    of('a', 3)
    expect([has('a'), has('b')]).toEqual([true, true])
    of('c', 1)
    expect([has('a'), has('b'), has('c')]).toEqual([true, false, true])
    of('d', 2)
    expect([has('a'), has('c'), has('d')]).toEqual([false, true, true])
  })

  it('is the same after it was stored and restored, with the resolvers', () => {
    const names = new AnsweredNames()
    names.take(answer('a.test', ['192.0.2.1', '192.0.2.2']), trusted)
    const changes = names.drainChanged()
    expect(changes.map(({ containerId }) => containerId)).toEqual([id])
    const again = new AnsweredNames()
    for (const { containerId, names: stored } of changes) {
      if (stored !== undefined) again.restore(containerId, stored)
    }
    expect(again.nameOf(id, '192.0.2.2')).toBe('a.test')
    again.take(answer('b.test', ['192.0.2.2'], '198.51.100.9'), () => ['198.51.100.9'])
    expect(again.nameOf(id, '192.0.2.2')).toBe('a.test')
  })

  it('is stored when a name is new, not when it is only answered again, and when a container is gone', () => {
    const names = new AnsweredNames()
    names.take(answer('a.test', ['192.0.2.1']), trusted)
    names.drainChanged()
    names.take(answer('a.test', ['192.0.2.1']), trusted)
    expect(names.drainChanged()).toEqual([])
    names.forget(id)
    expect(names.drainChanged()).toEqual([{ containerId: id, names: undefined }])
    names.forget(id)
    expect(names.drainChanged()).toEqual([])
  })
})

describe('the resolvers of a container', () => {
  it('are those that its file names, in their one spelling', () => {
    const text = [
      '# nameserver 192.0.2.1',
      'nameserver 10.0.0.2',
      'nameserver\tFE80::1%eth0 ',
      'nameserver 10.0.0.2',
      'nameserver ::ffff:10.0.0.3',
      'nameserver no-address',
      'search cluster.local',
      'options ndots:5',
    ].join('\n')
    expect(parseResolvers(text)).toEqual(['10.0.0.2', 'fe80::1', '10.0.0.3'])
  })

  it('are the container itself where the file names none, and a few at most', () => {
    expect(parseResolvers('options edns0\n')).toEqual(['127.0.0.1'])
    const many = Array.from({ length: 100 }, (_, i) => `nameserver 10.0.0.${i}`).join('\n')
    expect(parseResolvers(many)).toHaveLength(8)
  })
})
