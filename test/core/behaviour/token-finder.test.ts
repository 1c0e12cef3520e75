import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TokenFinder } from '../../../src/core/behaviour/token-finder.ts'
import { shippedRules } from '../../fixtures/event-fixture.ts'

// What a variable part is, as one pattern. The finder gives the same in time that grows with the text alone.
const uuid = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const date = '(?:19|20)\\d\\d(?<sep>[-_]?)(?:0[1-9]|1[0-2])\\k<sep>(?:0[1-9]|[12]\\d|3[01])'
const clock = '(?:[01]\\d|2[0-3])(?<tick>[-:_]?)[0-5]\\d\\k<tick>[0-5]\\d'
const twoKinds =
  '(?:(?=[a-zA-Z]*\\d)(?=\\d*[a-zA-Z])|(?![A-Z][a-z]*(?![a-zA-Z0-9]))(?=[A-Z]*[a-z])(?=[a-z]*[A-Z]))'

/**
 * Names from Python's `tempfile`, after any prefix: eight of 37 characters. A word and a numbered
 * word, such as `settings` and `module_1`, do not match: letters and other characters have to
 * alternate more than once. The length comes first: it bounds how far the other conditions look.
 */
const tempfile =
  '(?=[a-z0-9_]{8}(?![A-Za-z0-9_]))(?=[a-z_]*\\d)' +
  '(?:(?=[a-z]+[0-9_]+[a-z])|(?=[0-9_]+[a-z]+[0-9_]))[a-z0-9_]{8}'

/**
 * Numbers in names that are marked as temporary: `tmp31.0`, `temp-dump-31.log`.
 */
const word = '(?<![A-Za-z0-9])(?:tmp|temp)'
const temporary =
  `(?<=${word})\\d{1,15}(?![A-Za-z0-9])` +
  `|(?<=${word}\\d{1,15}\\.)\\d{1,15}(?![A-Za-z0-9])` +
  '|(?<=/te?mp[._-](?:[A-Za-z0-9]{1,32}[._-]){0,4})\\d{1,15}(?![A-Za-z0-9])'

const mixed = (letters: string): string => `(?=[${letters}]*\\d)(?=\\d*[${letters}])[0-9${letters}]`

/**
 * One alternative for each type of token, the most specific first. Every character except letters
 * and digits is a boundary. Numbers next to `.digit` are versions, and after `.so.` an ABI: both
 * stay literal.
 */
function tokenPattern(never: readonly string[]): RegExp {
  const words = never.map((word) => word.replace(/[^A-Za-z0-9_]/g, '\\$&')).join('|')
  const alternatives = [
    '(?<lt><)',
    words === '' ? '' : `(?<![A-Za-z0-9])(?:${words})(?![A-Za-z0-9])`,
    '(?<volume>(?<=/)\\.\\.\\d{4}(?:_\\d\\d){5}\\.\\d{1,10}(?=/|$))',
    '(?<long>(?<=[A-Za-z/._-])\\d{16,20}(?![A-Za-z0-9]))',
    `(?<uuid>(?<![A-Za-z0-9])${uuid}(?![A-Za-z0-9]))`,
    `(?<date>(?<![A-Za-z0-9])(?<!\\d\\.)${date}` +
      `(?:[T_-]?${clock}(?:[.,]\\d{1,9})?Z?)?(?![A-Za-z0-9]|\\.\\d))`,
    '(?<time>(?<![A-Za-z0-9])(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?![A-Za-z0-9]))',
    '(?<hex>' +
      '(?<![A-Za-z0-9])(?:[0-9a-f]{16,}|[0-9A-F]{16,}' +
      `|${mixed('a-f')}{8,15}|${mixed('A-F')}{8,15})(?![A-Za-z0-9]))`,
    '(?<temp>(?<=/)tmp[a-z0-9_]{8}(?![A-Za-z0-9_])' +
      `|(?<![A-Za-z0-9_])${tempfile}|(?<=_)${tempfile}` +
      `|(?<=[._-])${twoKinds}(?:[A-Za-z0-9]{6}|[A-Za-z0-9]{10})(?![A-Za-z0-9])` +
      '|(?<![A-Za-z0-9])(?![A-Za-z]+\\d{16,20}(?![A-Za-z0-9]))(?=(?:[a-zA-Z]*\\d){3})(?=(?:\\d*[a-zA-Z]){3})[A-Za-z0-9]{20,64}(?![A-Za-z0-9]))',
    `(?<num>${temporary})`,
    '(?<int>(?<![A-Za-z0-9])(?<!\\d\\.|\\.so\\.)\\d{1,15}(?![A-Za-z0-9]|\\.\\d))',
  ]
  return new RegExp(alternatives.filter((part) => part !== '').join('|'), 'g')
}

const pattern = tokenPattern(shippedRules.never)
const finder = new TokenFinder(shippedRules.never)

const shown = (kind: string, text: string): string => `{${kind}|${text}}`

function byPattern(text: string): string {
  return text.replace(pattern, (...found) => {
    const groups = found.at(-1) as Readonly<Record<string, string | undefined>>
    const kinds = ['lt', 'volume', 'long', 'uuid', 'date', 'time', 'hex', 'temp', 'num', 'int']
    const kind = kinds.find((name) => groups[name] !== undefined)
    return kind === undefined ? String(found[0]) : shown(kind, String(found[0]))
  })
}

const digits = (most: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 1, maxLength: most })
const letters = (of: string, most: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from(of)), minLength: 1, maxLength: most })
const part = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'/._-:<T,Z\\ é'.split('')) },
  digits(22),
  letters('abcdef0123456789', 36),
  letters('ABCDEF0123456789', 36),
  letters('aB1_', 12),
  letters('abcxyz019_', 10),
  letters('aAbB12', 12),
  letters('abcXYZ0123456789', 70),
  fc.uuid(),
  fc.constantFrom(
    'tmp',
    'temp',
    '/tmp',
    '/temp',
    '/tmp-',
    'tmp1.',
    '.so.',
    '..2026_11_24_13_40_27.1',
  ),
  fc.constantFrom(
    '2026-11-24',
    '20261124',
    '2026_11_24T13:40:27',
    '134027',
    '13:40:27',
    '.123456Z',
  ),
  fc.constantFrom(...shippedRules.never),
)
const text = fc.array(part, { maxLength: 9 }).map((parts) => parts.join(''))

it('finds what the pattern finds', () => {
  fc.assert(
    fc.property(text, (name) => {
      expect(finder.replace(name, shown, Infinity)).toBe(byPattern(name))
    }),
    { numRuns: 20_000 },
  )
})
