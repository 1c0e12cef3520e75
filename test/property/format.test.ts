import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sentence } from '../../src/agent/pipeline/delivery/format/alert-facts.ts'
import { toEcs } from '../../src/agent/pipeline/delivery/format/ecs.ts'
import { toFalco } from '../../src/agent/pipeline/delivery/format/falco.ts'
import { isJson, renderer, renderWithin } from '../../src/agent/pipeline/delivery/format/format.ts'
import { alertFormats } from '../../src/core/event/alert-format.ts'
import { toOcsf } from '../../src/agent/pipeline/delivery/format/ocsf.ts'
import { hostile, hostileAlert, product, sampleAudits } from '../fixtures/format-alerts.ts'
import { parseCef, parseLeef } from '../fixtures/format-parsers.ts'
import { anyText } from '../fixtures/any-text.ts'
import { cases } from '../fixtures/random-cases.ts'

/** Any text that a container can put into a name or an argument. */
const text = fc.oneof(
  anyText(40),
  fc.string({ unit: fc.constantFrom('\n', '\r', '=', '|', '\\', ' ', 'a', '"', '\u001b', '\t') }),
  // Lone surrogates too.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.constant(hostile),
)
const long = `${hostile}${'z'.repeat(65_536)}`

/** Random texts, and in each run those two: the second is too long for most receivers. */
const runs = { numRuns: cases(100), examples: [[hostile], [long]] satisfies [string][] }

const steers = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** A line without its printable ASCII, which steers nothing: the search of a long line is slow. */
const odd = (line: string): string => line.replace(/[ -~]+/g, ' ')

/** The visible form, and the text restored from it as far as the form distinguishes two texts. */
const shown = (value: string): string =>
  value.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )

describe('a text from a container', () => {
  it.each(alertFormats)('ends no line of %s and steers no terminal', (format) => {
    const render = renderer(format, product)
    fc.assert(
      fc.property(text, (value) => {
        const line = render(hostileAlert(value))
        // The tab that separates attributes is part of LEEF.
        expect(odd(format === 'leef' ? line.replaceAll('\t', '') : line)).not.toMatch(steers)
      }),
      runs,
    )
  })

  it.each(alertFormats)('does so neither where %s is shortened', (format) => {
    const render = renderWithin(renderer(format, product), 4_096)
    fc.assert(
      fc.property(text, (value) => {
        const line = render(hostileAlert(value))
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4_096)
        expect(odd(format === 'leef' ? line.replaceAll('\t', '') : line)).not.toMatch(steers)
      }),
      runs,
    )
  })

  it.each(alertFormats)('does so neither in an entry of the audit trail, as %s', (format) => {
    const render = renderer(format, product)
    fc.assert(
      fc.property(text, (value) => {
        for (const record of sampleAudits(value)) {
          const line = render(record)
          expect(odd(format === 'leef' ? line.replaceAll('\t', '') : line)).not.toMatch(steers)
        }
      }),
      { ...runs, numRuns: cases(30) },
    )
  })

  it('comes back from JSON formats as it was', () => {
    const objects = {
      json: (alert: object) => alert,
      ecs: (alert: Parameters<typeof toEcs>[0]) => toEcs(alert, product),
      ocsf: (alert: Parameters<typeof toOcsf>[0]) => toOcsf(alert, product),
      falco: toFalco,
    }
    fc.assert(
      fc.property(text, fc.constantFrom('json', 'ecs', 'ocsf', 'falco'), (value, format) => {
        const alert = hostileAlert(value)
        expect(isJson(format)).toBe(true)
        const line = renderer(format, product)(alert)
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(objects[format](alert))))
      }),
      {
        numRuns: cases(100),
        examples: (['json', 'ecs', 'ocsf', 'falco'] as const).map((format) => [long, format]),
      },
    )
  })

  it('is one value of CEF, and changes no other', () => {
    const plain = parseCef(renderer('cef', product)(hostileAlert('plain')))
    fc.assert(
      fc.property(text, (value) => {
        const alert = hostileAlert(value)
        const { head, extension } = parseCef(renderer('cef', product)(alert))
        expect(head).toEqual(plain.head)
        expect(Object.keys(extension)).toEqual(Object.keys(plain.extension))
        const reported = extension['msg']?.replaceAll('\n', '\\u{a}').replaceAll('\r', '\\u{d}')
        expect(reported).toBe(shown(sentence(alert)))
        expect(extension['externalId']).toBe(alert.id)
      }),
      runs,
    )
  })

  it('is one value of LEEF, and changes no other', () => {
    const plain = parseLeef(renderer('leef', product)(hostileAlert('plain')))
    fc.assert(
      fc.property(text, (value) => {
        const alert = hostileAlert(value)
        const { head, extension } = parseLeef(renderer('leef', product)(alert))
        expect(head).toEqual(plain.head)
        expect(Object.keys(extension)).toEqual(Object.keys(plain.extension))
        expect(extension['msg']).toBe(shown(sentence(alert)))
      }),
      runs,
    )
  })
})
