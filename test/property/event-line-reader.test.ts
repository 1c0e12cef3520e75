import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { EventLineReader } from '../../src/core/event/event-line-reader.ts'
import { parseEventLine } from '../../src/core/event/parse-event.ts'
import { acts } from './event-arbitrary.ts'
import { cases } from '../fixtures/random-cases.ts'

/** The result of a line: its event or its error. */
function outcomeOf(read: (line: string) => SnugEvent, line: string): unknown {
  try {
    return JSON.stringify(read(line))
  } catch (error) {
    return String(error)
  }
}

const notes = fc.constantFrom('', '"', '\\', '{"time":"now"}', '}],', '"file":{', '\u0007', 'ä…')

/** Events of one stream, with their members in the order in which some sensor writes them. */
const lines = fc
  .record({
    events: fc.array(acts, { minLength: 2, maxLength: 12 }),
    note: notes,
    count: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    turn: fc.nat({ max: 12 }),
    ofOneProcess: fc.boolean(),
    spaced: fc.constantFrom(false, false, false, true),
  })
  .map(({ events, note, count, turn, ofOneProcess, spaced }) =>
    events.map((event) => {
      const { node, container, process } = (ofOneProcess ? events[0] : undefined) ?? event
      const whose = { node, container, process }
      const counted = count === undefined ? {} : { count }
      const members = Object.entries({ ...event, ...whose, note, ...counted })
      const turned = Object.fromEntries([...members.slice(turn), ...members.slice(0, turn)])
      return JSON.stringify(turned, undefined, spaced ? 1 : 0).replaceAll('\n', ' ')
    }),
  )

/** A line as a broken disk or a hostile writer would leave it. */
const damages = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat({ max: 40 }),
    put: fc.constantFrom(
      '',
      '"',
      '\\',
      '\\u0000',
      '{',
      '}',
      ',',
      '":"',
      ',"time":1',
      '0',
      '\t',
      ' ',
    ),
  }),
  { maxLength: 3 },
)

describe('reading lines that are much alike', () => {
  it('gives the same result as each line alone, member for member', () => {
    fc.assert(
      fc.property(lines, (stream) => {
        const reader = new EventLineReader()
        for (const line of [...stream, ...stream]) {
          const alone = outcomeOf(parseEventLine, line)
          expect(outcomeOf((text) => reader.read(text), line)).toBe(alone)
        }
      }),
      { numRuns: cases(500) },
    )
  })

  it('refuses the same lines as when read alone, with the same errors', () => {
    fc.assert(
      fc.property(lines, damages, (stream, marks) => {
        const reader = new EventLineReader()
        for (const line of stream) reader.read(line)
        for (const line of stream) {
          const broken = marks.reduce((text, { at, cut, put }) => {
            const from = Math.floor(at * text.length)
            return text.slice(0, from) + put + text.slice(from + cut)
          }, line)
          const alone = outcomeOf(parseEventLine, broken)
          expect(outcomeOf((text) => reader.read(text), broken)).toBe(alone)
        }
      }),
      { numRuns: cases(1_000) },
    )
  })

  it('shares values of the previous line, but none of the event itself', () => {
    const [event] = fc.sample(acts, { numRuns: 1, seed: 7 })
    const line = JSON.stringify(event as SnugEvent)
    const reader = new EventLineReader()
    const [first, second] = [reader.read(line), reader.read(line.replace(':4', ':5'))]
    expect(second).not.toBe(first)
    if (first.kind === 'loss' || second.kind === 'loss') throw new Error('an act was asked for')
    expect(second.process).toBe(first.process)
    expect(second.container).toBe(first.container)
  })
})
