import { expect, it } from 'vitest'
import { BatchGate } from '../../src/pipeline/batch-gate.ts'

it('takes state at once where no batch is being judged', async () => {
  expect(await new BatchGate().between(() => 'state')).toBe('state')
})

it('takes state after the batches that have begun, and before all later ones', async () => {
  const gate = new BatchGate()
  const order: string[] = []
  const judge = async (name: string, over: Promise<void>): Promise<void> => {
    await gate.enter()
    order.push(`${name} begins`)
    await over
    order.push(`${name} ends`)
    gate.leave()
  }
  const ends: (() => void)[] = []
  const until = (): Promise<void> => new Promise((resolve) => ends.push(resolve))
  const first = judge('first', until())
  const second = judge('second', until())
  await Promise.resolve()
  const taken = gate.between(() => order.push('state'))
  const later = judge('later', Promise.resolve())
  for (const end of ends) end()
  await Promise.all([first, second, taken, later])
  expect(order).toEqual([
    'first begins',
    'second begins',
    'first ends',
    'second ends',
    'state',
    'later begins',
    'later ends',
  ])
})

it('takes state twice, one after the other', async () => {
  const gate = new BatchGate()
  await gate.enter()
  const taken: string[] = []
  const both = [gate.between(() => taken.push('one')), gate.between(() => taken.push('two'))]
  gate.leave()
  await Promise.all(both)
  expect(taken.toSorted()).toEqual(['one', 'two'])
})
