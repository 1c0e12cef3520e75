import {
  any,
  chars,
  type CharClass,
  type Language,
  many,
  optional,
  seq,
  some,
  text,
} from './language.ts'

function charClass(...ranges: readonly string[]): CharClass {
  return {
    source: `[${ranges.join('')}]`,
    ranges: ranges.map((range) => [range.charCodeAt(0), range.charCodeAt(range.length - 1)]),
  }
}

/** These characters and all that is not ASCII, as text and as bytes: in a text, `\\xNN` is a byte that is no UTF-8. */
function international(...ranges: readonly string[]): CharClass {
  const plain = charClass(...ranges)
  const source = `(?:[\\u0080-\\uffff${ranges.join('')}]|\\\\x[89a-f][0-9a-f])`
  return { source, ranges: [...plain.ranges, [0x80, 0xff]] }
}

const digit = charClass('0-9')
const lowerHex = charClass('0-9', 'a-f')
const upperHex = charClass('0-9', 'A-F')
const anyHex = charClass('0-9', 'a-f', 'A-F')
const tempfile = charClass('0-9', 'a-z', '_')
const of = (range: string): Language => chars(charClass(range), 1)
const digits = (count: number): Language => chars(digit, count)

/** One segment of a path, whatever its name. */
export const anyName: Language = some({
  source: '[^\\/\\x00]',
  ranges: [
    [0x01, 0x2e],
    [0x30, 0xff],
  ],
})

/** No character that a shell interprets, and no option. */
const word: Language = seq(
  chars(charClass('%', '+-,', '.-:', '=', '@-Z', '^-_', 'a-z', '~'), 1),
  many(charClass('%', '+-:', '=', '@-Z', '^-_', 'a-z', '~')),
)
/** Any path, or the rest of one. */
export const anyPath: Language = many({ source: '[^\\x00]', ranges: [[0x01, 0xff]] })
export const anything: Language = many({ source: '[^]', ranges: [[0x00, 0xff]] })
/** Letters of any script: the names of people and of their files have them. */
const lettersAndDigits = ['0-9', 'A-Z', 'a-z']
const alphanumeric = charClass(...lettersAndDigits)
const slug = ['0-9', 'A-Z', 'a-z', '_', '-']
/** Printable, and neither a separator of folders nor an escape. */
const free = [' -.', '0-;', '=-[', '^-~']
const noNul: CharClass = { source: '[^\\x00]', ranges: [[0x01, 0xff]] }
const argument: Language = many(noNul)

const hour = any([seq(of('0-1'), of('0-9')), seq(text('2'), of('0-3'))])
const sixty = seq(of('0-5'), of('0-9'))
const month = any([seq(text('0'), of('1-9')), seq(text('1'), of('0-2'))])
const day = any([seq(text('0'), of('1-9')), seq(of('1-2'), of('0-9')), seq(text('3'), of('0-1'))])
const year = seq(any([text('19'), text('20')]), digits(2))

const clock = any(['', '-', ':', '_'].map((by) => seq(hour, text(by), sixty, text(by), sixty)))
const date = seq(
  any(['', '-', '_'].map((by) => seq(year, text(by), month, text(by), day))),
  optional(
    seq(
      optional(any([text('T'), text('_'), text('-')])),
      clock,
      optional(seq(any([text('.'), text(',')]), chars(digit, 1, 9))),
      optional(text('Z')),
    ),
  ),
)
const group = seq(text('-'), chars(anyHex, 4))
const stamp = seq(text('_'), digits(2))

const fixedLanguages: Readonly<Record<string, Language>> = {
  /** A part of a path that varies, whatever it is called: see `place-pattern.ts`. */
  name: anyName,
  uuid: seq(chars(anyHex, 8), group, group, group, text('-'), chars(anyHex, 12)),
  date,
  time: seq(hour, text(':'), sixty, text(':'), sixty),
  int: chars(digit, 1, 15),
  long: chars(digit, 1, 20),
  /** Of an argument vector, each argument ending in NUL: the first, the folder of the first, all the others. */
  argument,
  word,
  folder: any([text(''), text('-'), seq(argument, text('/'))]),
  rest: any([text(''), seq(anything, text('\u0000'))]),
  pid: some(digit),
  fd: some(digit),
  num: some(digit),
  volume: seq(
    text('..'),
    digits(4),
    stamp,
    stamp,
    stamp,
    stamp,
    stamp,
    text('.'),
    chars(digit, 1, 10),
  ),
}

/** As long as a path can be. */
const LONGEST = 4096
/** As long as a name can be. Not held to it, a token costs the automaton one state, and not one for each character. */
export const ANY_LENGTH = 255

/** Up to a length they are ASCII: what a length counts would be characters here, and bytes in the kernel. */
function upTo(ranges: readonly string[], min: 0 | 1, length: number): Language {
  if (length < ANY_LENGTH - 1) return chars(charClass(...ranges), min, length)
  return min === 0 ? many(international(...ranges)) : some(international(...ranges))
}

/** Names from `mkstemp`, Python's `tempfile` and similar functions. */
function temp(length: number): Language {
  if (length === 8) return chars(tempfile, 8)
  const plain = chars(alphanumeric, length)
  return length === 11 ? any([plain, seq(text('tmp'), chars(tempfile, 8))]) : plain
}

/**
 * The values of a token that is open to its type, such as `hex` of length 8. Wider than the values
 * that are learned as the token: some random names look like a word or a number. Undefined if there
 * is no such type.
 */
export function tokenLanguage(name: string, length: number | undefined): Language | undefined {
  if (length === undefined)
    return Object.hasOwn(fixedLanguages, name) ? fixedLanguages[name] : undefined
  if (length < 1 || length > LONGEST) return undefined
  switch (name) {
    case 'alnum':
      return upTo(lettersAndDigits, 1, length)
    case 'digits':
      return chars(digit, 1, length)
    case 'fixed':
      return chars(alphanumeric, length)
    case 'maybe':
      return upTo(lettersAndDigits, 0, length)
    case 'slug':
      return upTo(slug, 1, length)
    case 'free':
      return seq(
        // It begins with a letter or a digit, of which many bytes may follow.
        chars(length < ANY_LENGTH ? alphanumeric : international(...lettersAndDigits), 1),
        upTo(free, 0, length - 1),
      )
  }
  if (name === 'hex') return any([chars(lowerHex, length), chars(upperHex, length)])
  return name === 'temp' ? temp(length) : undefined
}
