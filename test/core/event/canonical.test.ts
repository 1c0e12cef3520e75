import { describe, expect, it } from 'vitest'
import {
  canonicalAddress,
  canonicalPath,
  canonicalRepository,
  isCanonicalPath,
} from '../../../src/core/event/canonical.ts'
import { isEventTime, isoOf, microsOf } from '../../../src/core/event/time.ts'

describe('canonicalPath', () => {
  it.each([
    ['/etc//nginx/./nginx.conf', '/etc/nginx/nginx.conf'],
    ['/a/b/../c/', '/a/c'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['/', '/'],
    ['//', '/'],
    ['/..', '/'],
    ['/a/...', '/a/...'],
    ['/a/..b', '/a/..b'],
    ['…/deep/../file', '…/deep/../file'],
    ['memfd:x', 'memfd:x'],
  ])('makes %s into %s', (from, to) => {
    expect(canonicalPath(from)).toBe(to)
    expect(canonicalPath(to)).toBe(to)
  })

  it('finds exactly the paths canonical that it would not change', () => {
    for (const path of [
      '/',
      '/a',
      '/a/b',
      '/a/',
      '//a',
      '/a/.',
      '/a/./b',
      '/.a',
      '/a/..',
      '/..a',
    ]) {
      expect(isCanonicalPath(path), path).toBe(canonicalPath(path) === path)
    }
  })
})

describe('canonicalAddress', () => {
  it.each([
    ['10.0.0.7', '10.0.0.7'],
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['::FFFF:0A00:0007', '10.0.0.7'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
  ])('makes %s into %s', (from, to) => expect(canonicalAddress(from)).toBe(to))

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '1.2.3.4.5',
    '0x7f.1',
    'localhost',
    '::g',
    '10.0.0.7 ',
  ])('refuses %j', (text) => expect(canonicalAddress(text)).toBeUndefined())
})

describe('times', () => {
  it.each([
    '2026-11-24T13:40:27Z',
    '2026-11-24T13:40:27.1Z',
    '2026-11-24T13:40:27.123456789Z',
    '2024-02-29T00:00:00Z',
  ])('takes %s', (text) => expect(isEventTime(text)).toBe(true))

  it.each([
    '2026-11-24 13:40:27Z',
    '2026-11-24T13:40:27',
    '2026-11-24T13:40:27+01:00',
    '2026-11-24T13:40:27.Z',
    '2026-11-24T13:40:60Z',
    '2026-11-24T24:40:27Z',
    '2026-13-24T13:40:27Z',
    '2026-02-31T13:40:27Z',
    '2026-11-24T13:40:27.1234567890Z',
    '',
  ])('refuses %j', (text) => expect(isEventTime(text)).toBe(false))

  it('are microseconds, and come back with six digits whatever came before', () => {
    expect(microsOf('1970-01-01T00:00:01.5Z')).toBe(1_500_000)
    expect(isoOf(microsOf('2026-11-24T13:40:27.123456Z'))).toBe('2026-11-24T13:40:27.123456Z')
    expect(isoOf(microsOf('2026-11-24T13:40:27.000001999Z'))).toBe('2026-11-24T13:40:27.000001Z')
    expect(isoOf(microsOf('2026-11-24T13:40:27Z'))).toBe('2026-11-24T13:40:27.000000Z')
  })
})

describe('an image', () => {
  it('has one name, whichever source reports it', () => {
    for (const name of [
      'nginx',
      'library/nginx',
      'docker.io/nginx',
      'index.docker.io/library/nginx',
    ]) {
      expect(canonicalRepository(name)).toBe('nginx')
    }
    for (const name of ['registry.local/library/nginx', 'shop/web', 'localhost:5000/docker.io/a']) {
      expect(canonicalRepository(name)).toBe(name)
    }
    expect(canonicalRepository('docker.io/shop/web')).toBe('shop/web')
  })
})
