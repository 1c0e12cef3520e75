import fc from 'fast-check'
import { expect, it } from 'vitest'
import { canonicalJson } from '../../src/core/event/outbound-record.ts'
import { cases } from '../fixtures/random-cases.ts'

/** How the hashes of all audit logs so far were made. */
function sortedByReplacer(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}

const names = fc.oneof(fc.string(), fc.constantFrom('a', 'b', '10', '9', '__proto__'))
const { value: facts } = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constantFrom(null, undefined)),
  list: fc.array(tie('value'), { maxLength: 5 }),
  record: fc.dictionary(names, tie('value'), { maxKeys: 5 }),
  value: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('record')),
}))

it('hashes an audit entry as the same text as ever', () => {
  fc.assert(
    fc.property(fc.dictionary(names, facts, { maxKeys: 6 }), (entry) => {
      expect(canonicalJson(entry)).toBe(sortedByReplacer(entry))
    }),
    { numRuns: cases(300) },
  )
})
