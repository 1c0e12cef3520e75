import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDnsAnswer } from '../../../../src/agent/pipeline/sources/ebpf/dns-message.ts'
import { dnsAnswer } from '../../../fixtures/dns-messages.ts'

const address = (text: string, ttl = 60) => ({ address: text, ttl })

describe('a DNS answer', () => {
  it('gives its addresses to the name that was asked for, in lower case', () => {
    const message = dnsAnswer('API.example', [
      { owner: 'api.EXAMPLE', a: '192.0.2.1' },
      { owner: 'API.example', a: '192.0.2.2', ttl: 5 },
    ])
    expect(readDnsAnswer(message)).toEqual({
      name: 'api.example',
      addresses: [address('192.0.2.1'), address('192.0.2.2', 5)],
      whole: true,
    })
  })

  it('gives IPv6 addresses in their one spelling, and mapped ones as IPv4', () => {
    const six = [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7]
    const mapped = [...Array<number>(10).fill(0), 255, 255, 192, 0, 2, 1]
    const records = [six, mapped].map((aaaa) => ({ owner: 'a.test', aaaa }))
    expect(readDnsAnswer(dnsAnswer('a.test', records, { type: 28 }))?.addresses).toEqual([
      address('2001:db8::7'),
      address('192.0.2.1'),
    ])
  })

  it('gives the addresses of its aliases to that name too, in any order', () => {
    const records = [
      { owner: 'edge.cdn.test', a: '192.0.2.9', ttl: 300 },
      { owner: 'shop.cdn.test', alias: 'edge.cdn.test', ttl: 20 },
      { owner: 'www.shop.test', alias: 'shop.cdn.test', ttl: 3600 },
    ]
    for (const compressed of [true, false]) {
      expect(readDnsAnswer(dnsAnswer('www.shop.test', records, { compressed }))).toEqual({
        name: 'www.shop.test',
        addresses: [address('192.0.2.9', 300)],
        whole: true,
      })
    }
  })

  it('that is cut gives what comes before the cut', () => {
    const message = dnsAnswer('a.test', [
      { owner: 'a.test', a: '192.0.2.1' },
      { owner: 'a.test', a: '192.0.2.2' },
    ])
    const { addresses, whole } = readDnsAnswer(message.subarray(0, -1)) ?? {}
    expect({ addresses, whole }).toEqual({ addresses: [address('192.0.2.1')], whole: false })
  })

  it('counts a time with the highest bit as none', () => {
    const message = dnsAnswer('a.test', [{ owner: 'a.test', a: '192.0.2.1', ttl: 0xffff_ffff }])
    expect(readDnsAnswer(message)?.addresses).toEqual([address('192.0.2.1', 0)])
  })

  it('writes bytes that are no host name as numbers, so that no name looks like another', () => {
    const message = dnsAnswer('a b\u001b.te\u00ffst', [])
    expect(readDnsAnswer(message)?.name).toBe('a\\032b\\027.te\\255st')
    // A dot within a label is no border of labels.
    const dotted = Buffer.from(dnsAnswer('aXb.test', []))
    dotted[14] = 0x2e
    expect(readDnsAnswer(dotted)?.name).toBe('a\\046b.test')
  })

  it.each([
    ['a question', Buffer.from(dnsAnswer('a.test', [])).fill(0x01, 2, 3)],
    ['a failure', dnsAnswer('a.test', [], { failure: 3 })],
    ['an answer about another type', dnsAnswer('a.test', [], { type: 16 })],
    ['an answer to the root', dnsAnswer('', [])],
    ['nothing', Buffer.alloc(0)],
    ['a head alone', dnsAnswer('a.test', []).subarray(0, 12)],
  ])('is not %s', (_, message) => {
    expect(readDnsAnswer(message)).toBeUndefined()
  })

  it('whose question has a pointer is not read: nothing stands before it', () => {
    for (const pointer of [12, 14, 20, 0x3fff]) {
      const message = Buffer.from(dnsAnswer('a.test', []))
      message.writeUInt16BE(0xc000 | pointer, 12)
      expect(readDnsAnswer(message)).toBeUndefined()
    }
  })

  it('with a name longer than names may be is not read', () => {
    const label = 'x'.repeat(63)
    const fits = [label, label, label, 'x'.repeat(61)].join('.')
    expect(readDnsAnswer(dnsAnswer(fits, []))?.name).toBe(fits)
    expect(readDnsAnswer(dnsAnswer(`${fits}x`, []))).toBeUndefined()
  })

  it('of any bytes is read without an error, in a bounded time', () => {
    const valid = dnsAnswer('www.shop.test', [
      { owner: 'www.shop.test', alias: 'cdn.test' },
      { owner: 'cdn.test', a: '192.0.2.9' },
    ])
    const flips = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 })
    const changed = flips.map((list) => {
      const message = Buffer.from(valid)
      for (const [at, byte] of list) message[at] = byte
      return message
    })
    const any = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(any, changed), (message) => {
        const answer = readDnsAnswer(message)
        if (answer === undefined) return
        expect(answer.name).toMatch(/^(?:[a-z0-9_-]|\\\d{3})+(?:\.(?:[a-z0-9_-]|\\\d{3})+)*$/)
        for (const { ttl } of answer.addresses) expect(ttl).toBeLessThanOrEqual(0x7fff_ffff)
      }),
    )
  })
})
