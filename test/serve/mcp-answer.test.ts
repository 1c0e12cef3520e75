import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerText } from '../../src/serve/mcp/mcp-answer.ts'

const answered = (data: unknown): unknown => JSON.parse(answerText(data))

test('short data is answered as it is', () => {
  const data = { name: 'web', list: [1, true, null, { path: '/etc/x' }], empty: {} }
  expect(answered(data)).toEqual(data)
})

test('a long text keeps its ends and states that it was cut', () => {
  const { path } = answered({ path: `/srv/${'a'.repeat(5_000)}/end` }) as { path: string }
  expect(path).toHaveLength(300)
  expect(path).toMatch(/^\/srv\/a+…a+\/end$/)
})

test('a long list and an object of many members state how much is left out', () => {
  const list = answered(Array.from({ length: 250 }, (_, at) => at)) as unknown[]
  expect(list).toHaveLength(101)
  expect(list.at(-1)).toBe('(150 more are left out)')
  const members = Object.fromEntries(Array.from({ length: 250 }, (_, at) => [`m${at}`, at]))
  expect(answered(members)).toMatchObject({ m99: 99, '(left out)': 150 })
})

test('an answer is short however much a container chose', () => {
  const row = { text: 'x'.repeat(1_000), list: Array.from({ length: 100 }, () => 'y'.repeat(500)) }
  const data = { total: 100, rows: Array.from({ length: 100 }, () => row) }
  expect(answerText(data).length).toBeLessThanOrEqual(60_000)
  expect(answered(data)).toMatchObject({ total: 100 })
})

test('any data is one line of valid JSON without characters that hide or reverse text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (data, name) => {
      const text = answerText({ [`n${name}`]: [data, name] })
      expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      expect(Object.keys(JSON.parse(text) as object)).toHaveLength(1)
    }),
  )
})
