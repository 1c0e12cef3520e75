import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadStarters } from '../../../src/supplychain/prior/starter-library.ts'
import { placeClassOf } from '../../../src/core/match/place-class.ts'

const folder = mkdtempSync('/tmp/snug-starters-')
afterAll(() => rmSync(folder, { recursive: true }))

const shipped = loadStarters()

it('has starter profiles, each with programs of its packages', () => {
  expect(shipped.length).toBeGreaterThan(20)
  for (const { name, packages, behaviours } of shipped) {
    expect(packages.size, name).toBeGreaterThan(0)
    expect(behaviours.length, name).toBeGreaterThan(0)
  }
})

it('gives no peer on a network, no secret, no program by its arguments, and no write to settings or programs', () => {
  const objects = shipped.flatMap(({ behaviours }) => behaviours.map(({ object }) => object))
  expect(objects.filter(({ kind }) => kind === 'identity' || kind === 'syscall')).toEqual([])
  for (const object of objects) {
    if (object.kind === 'exec') {
      const { kind: _, path: __, script: ___, ...rest } = object
      expect(rest).toEqual({})
    }
    if ('protocol' in object) expect(object.protocol).toBe('unix')
    if (object.kind !== 'file') continue
    const place = placeClassOf(object.path)
    expect(place).not.toBe('secret')
    if (object.access !== 'read') expect(['temporary', 'data']).toContain(place)
  }
})

it.each([
  ['no JSON', '{'],
  ['another schema', '{"schema":"snug.profile/v1"}'],
  ['a user that is none', starterWith('"as":"somebody"')],
])('refuses %s', (_, text) => {
  const file = join(folder, 'broken.json')
  writeFileSync(file, text)
  expect(() => loadStarters(folder)).toThrow(
    expect.objectContaining({
      code: 'RULES_INVALID',
      message: expect.stringContaining(file) as string,
    }),
  )
})

function starterWith(as: string): string {
  const one = `{"actor":{"exe":"/bin/a"},${as},"object":{"kind":"exec","path":"/bin/b"},"grants":[]}`
  return `{"schema":"snug.starter/v1","name":"a","suite":"trixie","packages":{"a":"1"},"behaviours":[${one}]}`
}
