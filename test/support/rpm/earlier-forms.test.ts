import { describe, expect, it } from 'vitest'
import { berkeleyHeaders } from '../../../src/support/rpm/berkeley-file.ts'
import { ndbHeaders } from '../../../src/support/rpm/ndb-file.ts'
import { rpmHeader } from '../../fixtures/rpm-header.ts'
import { tinyBerkeley, tinyNdb } from '../../fixtures/tiny-rpm-databases.ts'

/** Several pages each, and other lengths. */
const headers = [20, 700, 3_000].map((length) => rpmHeader(`/${'a'.repeat(length)}/`))

describe.each([
  ['Packages', tinyBerkeley, berkeleyHeaders],
  ['Packages.db', tinyNdb, ndbHeaders],
] as const)('%s', (_, made, read) => {
  it('gives the header of each package', () => {
    expect(read(made(headers))).toEqual(headers)
    expect(read(made([]))).toEqual([])
  })

  it('is refused where it is cut anywhere', () => {
    const whole = made(headers)
    for (let length = 0; length < whole.length; length += 61)
      expect(() => read(whole.subarray(0, length)), String(length)).toThrow(RangeError)
  })
})

it('a value of Packages takes no page of another one, and none twice', () => {
  const [first, second] = [600, 900].map((length) => rpmHeader(`/${'a'.repeat(length)}/`))
  const whole = tinyBerkeley([first, second] as Buffer[])
  // Items lie from the end of the page on: the counter, and then key and value of each.
  const value = 512 + whole.readUInt16LE(512 + 26 + 2 * 5)
  const page = whole.readUInt32LE(value + 4)
  const shared = Buffer.from(whole)
  shared.writeUInt32LE(2, value + 4)
  expect(() => berkeleyHeaders(shared)).toThrow(RangeError)
  const endless = Buffer.from(whole)
  endless.writeUInt32LE(page, page * 512 + 16)
  expect(() => berkeleyHeaders(endless)).toThrow(RangeError)
})
