import { describe, expect, it } from 'vitest'
import type { BehaviourId } from '../../../../src/core/behaviour/behaviour.ts'
import { behaviourKey } from '../../../../src/agent/pipeline/sources/source.ts'
import {
  type KeyMeaning,
  KeyMeanings,
} from '../../../../src/agent/records/versions/key-meanings.ts'

const place = 'aaaaaaaaaaaaaaaa' as BehaviourId
const other = 'bbbbbbbbbbbbbbbb' as BehaviourId
const key = (n: number) => behaviourKey(n.toString(16).padStart(16, '0'))
const usual: KeyMeaning = {
  behaviours: [place],
  origin: 'entrypoint',
  source: 'ebpf',
  expected: true,
}

describe('meanings of keys that follow each other', () => {
  it('stay apart where behaviours, origin, session, source or verdict differ', () => {
    const meanings = new KeyMeanings(100)
    const list: readonly KeyMeaning[] = [
      usual,
      usual,
      { ...usual, expected: false },
      { ...usual, origin: 'probe' },
      { ...usual, source: 'falco' },
      { ...usual, behaviours: [other] },
      { ...usual, behaviours: [place, other] },
      { ...usual, behaviours: [] },
      { ...usual, session: 'one' },
      { ...usual, session: 'two' },
      usual,
    ]
    for (const [n, meaning] of list.entries()) meanings.set(key(n), meaning)
    for (const [n, meaning] of list.entries()) expect(meanings.get(key(n))).toEqual(meaning)
  })
})
