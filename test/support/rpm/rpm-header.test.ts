import { describe, expect, it } from 'vitest'
import { readRpmHeader } from '../../../src/support/rpm/rpm-header.ts'
import { rpmHeader } from '../../fixtures/rpm-header.ts'

describe('a header of an rpm database', () => {
  it('gives the package and its files', () => {
    const bash = { name: 'bash', version: '5.2-1.el9', files: ['/usr/bin/bash'] }
    expect(readRpmHeader(rpmHeader())).toEqual(bash)
  })

  it('is refused where a path is longer than Linux allows', () => {
    const folder = `/${'a'.repeat(4_090)}/`
    expect(readRpmHeader(rpmHeader(folder)).files).toEqual([`${folder}bash`])
    expect(() => readRpmHeader(rpmHeader(`${folder}a`))).toThrow(RangeError)
  })
})
