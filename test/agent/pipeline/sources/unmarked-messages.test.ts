import { describe, expect, it } from 'vitest'
import type { Decoded } from '../../../../src/agent/pipeline/sources/ebpf/record-decoder.ts'
import { UnmarkedMessages } from '../../../../src/agent/pipeline/sources/ebpf/unmarked-messages.ts'
import { sourceMark, type SourceMessage } from '../../../../src/agent/pipeline/sources/source.ts'

const ended = (id: string): SourceMessage & Decoded => ({
  type: 'container-ended',
  id,
  time: '2026-11-26T12:00:00.000000Z',
})
const policy: SourceMessage & Decoded = {
  type: 'policy',
  report: { kind: 'installed', scope: 7 },
}
const mark = (text: string): SourceMessage & Decoded => ({ type: 'mark', mark: sourceMark(text) })

function received(...all: readonly (SourceMessage & Decoded)[]): UnmarkedMessages {
  const unmarked = new UnmarkedMessages()
  add(unmarked, ...all)
  return unmarked
}

function add(unmarked: UnmarkedMessages, ...all: readonly (SourceMessage & Decoded)[]): void {
  for (const message of all) {
    unmarked.messages.push(message)
    unmarked.after(message)
  }
}

describe('messages of the sensor', () => {
  it('are released up to the newest mark, and wait for the next one after it', () => {
    const unmarked = received(ended('a'), mark('1,1,8'), ended('b'), mark('1,2,16'), ended('c'))
    const { batch, mark: released } = unmarked.release()
    expect(batch).toEqual([ended('a'), mark('1,1,8'), ended('b'), mark('1,2,16')])
    expect(released).toBe('1,2,16')
    expect(unmarked.release()).toEqual({ batch: [], mark: undefined })
    add(unmarked, policy, mark('1,3,24'))
    expect(unmarked.release().batch).toEqual([ended('c'), policy, mark('1,3,24')])
  })

  it('wait for nothing where no mark is due', () => {
    const unmarked = received(policy)
    expect(unmarked.release()).toEqual({ batch: [policy], mark: undefined })
  })

  it('are left over where the sensor ends before the mark', () => {
    const unmarked = received(mark('1,1,8'), ended('a'))
    unmarked.release()
    expect(unmarked.messages).toEqual([ended('a')])
  })
})
