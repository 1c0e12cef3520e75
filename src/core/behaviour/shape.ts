import { ProgramArguments } from './arguments.ts'
import type { GeneraliseRules, TokenName } from './generalise.ts'
import { foldWords } from './shell-words.ts'
import { ShapePattern } from './shape-pattern.ts'

/**
 * A path that has variable parts. `path` names them as tokens (`/tmp/<uuid>.part`); a literal `<` is
 * written `<lt>`, so that no file name can pass for a token.
 */
export interface ShapedPath {
  readonly path: string
  /** What stood in each place whose token needs witnesses, in order; at most {@link MAX_PLACES}. */
  readonly values: readonly string[]
}

/** An argument vector, in the language of shapes where it begins with NUL and each argument ends in it. */
export interface ShapedArguments extends ShapedPath {
  /** The same without variables, except before and after the arguments that define the action. */
  readonly plain: string
  /** The very vector. */
  readonly subject: string
}

/** Further tokens of one path share the last place, so that the stored values stay bounded. */
export const MAX_PLACES = 3

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

const proc = /^\/proc\/\d+(?=\/|$)(\/task\/\d+(?=\/|$))?(\/(?:fd|fdinfo)\/\d+(?=\/|$))?/

/** True where a path may hold a token at all: one pass, no allocation, no regular expression. */
function mayVary(path: string): boolean {
  let upper = false
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i)
    if (c < 65) {
      if (c === 60 || (c >= 48 && c <= 57)) return true
    } else if (c <= 90) upper = true
  }
  return upper || path.includes('/tmp')
}

const MEMO_SIZE = 8192

/** A path that stands for itself, in the language of shapes. */
export function plainPath(path: string): string {
  return path.includes('<') ? path.replaceAll('<', '<lt>') : path
}

/** The inverse of {@link plainPath}. */
export function literalPath(plain: string): string {
  return plain.includes('<') ? plain.replaceAll('<lt>', '<') : plain
}

/** True where a path in the language of shapes has a variable part. */
export function isShaped(path: string): boolean {
  return path.includes('<') && /<(?!lt>)/.test(path)
}

/** The rules, made ready: finds the variable parts of paths. Immutable. */
export class Shaper {
  readonly rules: GeneraliseRules
  readonly #pattern: RegExp
  readonly #programs: ProgramArguments
  /** Services open the same files over and over: their shapes are found once. */
  readonly #memo = new Map<string, ShapedPath | undefined>()
  readonly #patterns = new Map<string, ShapePattern>()

  /** Whether a guardrail is about the file: no place takes it. */
  readonly isGuarded: (path: string) => boolean

  constructor(rules: GeneraliseRules, isGuarded: (path: string) => boolean = () => false) {
    this.rules = rules
    this.isGuarded = isGuarded
    this.#pattern = tokenPattern(rules.never)
    this.#programs = new ProgramArguments(rules.arguments)
  }

  /** Undefined where the path has no variable part and no `<`: it then stands for itself. */
  shape(path: string): ShapedPath | undefined {
    if (!mayVary(path)) return undefined
    const known = this.#memo.get(path)
    if (known !== undefined || this.#memo.has(path)) return known
    const shape = this.#find(path)
    if (this.#memo.size >= MEMO_SIZE) this.#memo.clear()
    this.#memo.set(path, shape)
    return shape
  }

  /** Whether the arguments of a program define the action. */
  isProfiledByArguments(path: string): boolean {
    return this.#programs.discriminate(path)
  }

  /** Undefined if the arguments of that program do not define the action. */
  shapeArguments(path: string, args: readonly string[]): ShapedArguments | undefined {
    const profiled = this.#programs.profiled(path, args)
    if (profiled === undefined) return undefined
    const { applet, head, open } = profiled
    const values: string[] = []
    const first = applet === undefined ? '<argument>' : `<folder>${plainPath(applet)}`
    const vector = (all: readonly string[]): string =>
      [`\u0000${first}`, ...all, open ? '<rest>' : ''].join('\u0000')
    return {
      // A byte that is not text stays literal, and so does the text around it.
      path: vector(
        head.map((arg) =>
          /\\x/.test(arg)
            ? plainPath(arg)
            : arg.replace(this.#pattern, (...found) => this.#token(found, values)),
        ),
      ),
      values,
      plain: vector(head.map(plainPath)),
      subject: `\u0000${args.map((arg) => `${arg}\u0000`).join('')}`,
    }
  }

  /**
   * The same arguments, where words that are only arguments of the code may be any word. Undefined
   * where the code is that of no shell, or has no such word.
   */
  foldArguments(path: string, shaped: string): string | undefined {
    const [, first = '', ...all] = shaped.split('\u0000')
    const names = [first.replace('<folder>', ''), ...all]
    if (all.at(-1) !== '<rest>' || !this.#programs.isShell(path, names)) return undefined
    const before = all.at(-2) ?? ''
    // A byte that is not text stays literal, and so does the text around it.
    const code = /\\x/.test(before) ? undefined : foldWords(before)
    if (code === undefined) return undefined
    return ['', first, ...all.slice(0, -2), code, '<rest>'].join('\u0000')
  }

  #find(path: string): ShapedPath | undefined {
    // A name with an escape has bytes that are no text: nothing in it is a token.
    if (path.includes('\\')) {
      const plain = plainPath(path)
      return plain === path ? undefined : { path: plain, values: [] }
    }
    const values: string[] = []
    let head = ''
    let rest = path
    const own = proc.exec(path)
    if (own !== null) {
      head = `/proc/<pid>${own[1] === undefined ? '' : '/task/<pid>'}`
      if (own[2] !== undefined) head += `${own[2].replace(/\d+$/, '')}<fd>`
      rest = path.slice(own[0].length)
    } else {
      const numbered = this.rules.numbered.find((rule) => path.startsWith(rule.prefix))
      if (numbered !== undefined) {
        rest = path.slice(numbered.prefix.length)
        const named = rest.replace(/<|\d+/g, (found) => (found === '<' ? '<lt>' : '<num>'))
        return named === rest ? undefined : { path: numbered.prefix + named, values }
      }
    }
    const shaped = head + rest.replace(this.#pattern, (...found) => this.#token(found, values))
    // A copy: an array that grew has room for more.
    return shaped === path ? undefined : { path: shaped, values: values.slice() }
  }

  #token(found: readonly unknown[], values: string[]): string {
    const text = String(found[0])
    const groups = found[found.length - 1] as Record<string, string | undefined>
    if (groups['lt'] !== undefined) return '<lt>'
    const name = shapedNames.find((candidate) => groups[candidate] !== undefined)
    if (name === undefined) return text
    if (this.rules.thresholds[name] > 1) {
      if (values.length < MAX_PLACES) values.push(text)
      else values[MAX_PLACES - 1] += `\u0000${text}`
    }
    return name === 'hex' || name === 'temp' ? `<${name}:${text.length}>` : `<${name}>`
  }

  /** Places of several paths taken together (the two of a rename), bounded as those of one. */
  foldPlaces(values: readonly string[]): readonly string[] {
    if (values.length <= MAX_PLACES) return values
    return [...values.slice(0, MAX_PLACES - 1), values.slice(MAX_PLACES - 1).join('\u0000')]
  }

  /** Distinct values that each place of a shaped path needs; its length is the number of places. */
  thresholds(shaped: string): readonly number[] {
    const needed: number[] = []
    for (const [, name] of shaped.matchAll(/<([a-z]+)(?::\d+)?>/g)) {
      const threshold = this.#threshold(name ?? '')
      if (threshold <= 1) continue
      if (needed.length < MAX_PLACES) needed.push(threshold)
      else needed[MAX_PLACES - 1] = Math.max(threshold, needed[MAX_PLACES - 1] ?? 0)
    }
    return needed
  }

  /** What a path in the language of shapes can stand for; of a rename, both paths joined by NUL. */
  pattern(shaped: string): ShapePattern {
    const known = this.#patterns.get(shaped)
    if (known !== undefined) return known
    const thresholds = this.thresholds(shaped)
    const pattern = new ShapePattern(shaped, thresholds, (name) => this.#threshold(name) > 1)
    if (this.#patterns.size >= MEMO_SIZE) this.#patterns.clear()
    this.#patterns.set(shaped, pattern)
    return pattern
  }

  #threshold(name: string): number {
    return unplaced.has(name) ? 1 : (this.rules.thresholds[name as TokenName] ?? Infinity)
  }
}

/** Fixed parts of a path: a `<`, and the context of the arguments that define the action. */
const unplaced: ReadonlySet<string> = new Set(['lt', 'argument', 'folder', 'rest', 'word'])

const shapedNames = ['volume', 'long', 'uuid', 'date', 'time', 'hex', 'temp', 'num', 'int'] as const
