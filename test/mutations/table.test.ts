import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { mutated } from './applied.ts'
import { mutations } from './table.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('the table of mutations', () => {
  it.each(mutations)('has an edit and a test that exist: $promise', (mutation) => {
    expect(mutated(root, mutation)).not.toBe('')
    expect(existsSync(`${root}${mutation.caughtBy}`)).toBe(true)
  })

  it('names each promise once', () => {
    const promises = mutations.map(({ promise }) => promise)
    expect(new Set(promises).size).toBe(promises.length)
  })
})
