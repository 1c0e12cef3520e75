import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { parseEvent, parseEventLine } from '../../src/core/event/parse-event.ts'
import { acts } from './event-arbitrary.ts'
import { anyText } from '../fixtures/any-text.ts'

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'taken'
  } catch (error) {
    return error instanceof SnugError ? error.code : `not coded: ${String(error)}`
  }
}

describe('the event codec', () => {
  it('reads back its own output, including unknown members', () => {
    fc.assert(
      fc.property(acts, fc.jsonValue(), (event, extra) => {
        const written = { ...event, later: extra }
        const line = JSON.stringify(written)
        expect(parseEventLine(line)).toEqual(JSON.parse(line))
        expect(JSON.stringify(parseEventLine(line))).toBe(line)
      }),
    )
  })

  it('accepts or refuses any text, and never fails otherwise', () => {
    fc.assert(
      fc.property(anyText(200), (text) => {
        expect(['taken', 'EVENT_INVALID']).toContain(codeOf(() => parseEventLine(text)))
      }),
    )
  })

  it('accepts or refuses any JSON, and never fails otherwise', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(['taken', 'EVENT_INVALID']).toContain(codeOf(() => parseEvent(value)))
      }),
    )
  })

  it('accepts or refuses an event with any member replaced', () => {
    const keys = [
      'v',
      'time',
      'node',
      'kind',
      'container',
      'image',
      'process',
      'file',
      'exec',
      'count',
    ]
    fc.assert(
      fc.property(acts, fc.constantFrom(...keys), fc.jsonValue(), (event, key, value) => {
        const line = JSON.stringify({ ...event, [key]: value })
        expect(['taken', 'EVENT_INVALID']).toContain(codeOf(() => parseEventLine(line)))
      }),
    )
  })

  it('refuses an event that is cut anywhere', () => {
    fc.assert(
      fc.property(acts, fc.double({ min: 0, max: 0.999, noNaN: true }), (event, at) => {
        const line = JSON.stringify(event)
        expect(codeOf(() => parseEventLine(line.slice(0, Math.floor(line.length * at))))).toBe(
          'EVENT_INVALID',
        )
      }),
    )
  })
})
