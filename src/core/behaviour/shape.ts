import { ProgramArguments } from './arguments.ts'
import type { GeneraliseRules } from './generalise-schema.ts'
import type { TokenName } from './generalise.ts'
import { codeText, foldWords, type ShellCode, shellCode } from './shell-words.ts'
import { type FoundKind, TokenFinder } from './token-finder.ts'
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
  /** The vector without variables, except before and after the arguments that define the action. */
  readonly plain: string
  /** The very vector. */
  readonly subject: string
}

/** Further variable parts of a path, or of an argument, stay literal: each costs memory, and a name can have thousands. */
export const MAX_PARTS = 32
/** Further tokens of one path share the last place, so that the stored values stay bounded. */
export const MAX_PLACES = 3

const proc = /^\/proc\/\d+(?=\/|$)(\/task\/\d+(?=\/|$))?(\/(?:fd|fdinfo)\/\d+(?=\/|$))?/

const token = /<([a-z]+)(?::\d+)?>/g

/** Smaller numbers of processes also stand in names by chance, and are the same in each container. */
const NUMBER_LEAST = 10

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
/** Patterns from which on those that are in no use are looked for. */
const PATTERNS_LEAST = 1024

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

/** A program and its arguments in the language of shapes. */
interface Run {
  readonly path: string
  readonly args?: string
}

/** Code of a shell, and the arguments before it. */
interface CodeOfRun {
  readonly before: string
  readonly code: ShellCode
}

/** The rules, made ready: finds the variable parts of paths. Immutable. */
export class Shaper {
  readonly rules: GeneraliseRules
  readonly #finder: TokenFinder
  readonly #programs: ProgramArguments
  /** Services open the same files over and over: their shapes are found once. */
  readonly #memo = new Map<string, ShapedPath | undefined>()
  /** Each event of a shell is compared with all its runs. */
  readonly #codes = new WeakMap<Run, CodeOfRun | undefined>()
  /** Those that are in use are shared. */
  readonly #patterns = new Map<string, WeakRef<ShapePattern>>()
  #patternsAt = PATTERNS_LEAST

  /** Whether a guardrail is about the file: no place takes it. */
  readonly isGuarded: (path: string) => boolean
  /** Names that unix sockets end in which a guardrail is about. */
  readonly guardedSockets: readonly string[]

  constructor(
    rules: GeneraliseRules,
    isGuarded: (path: string) => boolean = () => false,
    guardedSockets: readonly string[] = [],
  ) {
    this.rules = rules
    this.isGuarded = isGuarded
    this.guardedSockets = guardedSockets
    this.#finder = new TokenFinder(rules.never)
    this.#programs = new ProgramArguments(rules.arguments)
  }

  /**
   * Undefined where the path has no variable part and no `<`: it then stands for itself.
   *
   * @param vpid what the process that names the file is called in its PID namespace: in a name, it is another one in
   * each process
   */
  shape(path: string, vpid = 0): ShapedPath | undefined {
    if (!mayVary(path)) return undefined
    if (vpid >= NUMBER_LEAST && path.includes(String(vpid))) return this.#find(path, String(vpid))
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
        head.map((arg) => (/\\x/.test(arg) ? plainPath(arg) : this.#replace(arg, values))),
      ),
      values,
      plain: vector(head.map(plainPath)),
      subject: `\u0000${args.map((arg) => `${arg}\u0000`).join('')}`,
    }
  }

  /**
   * The arguments of a run, where words that varied in others of their form may be any, and what
   * stood in the places that are left. Undefined where the code is that of no shell, or has no such
   * word.
   */
  foldArguments(
    run: Run,
    values: readonly string[],
    others: Iterable<Run>,
  ): Pick<ShapedArguments, 'path' | 'values'> | undefined {
    const one = this.#codeOf(run)
    if (one === undefined) return undefined
    const { before, code } = one
    const alike: ShellCode[] = []
    for (const other of others) {
      const known = this.#codeOf(other)
      if (known?.before === before) alike.push(known.code)
    }
    const words = foldWords(code, alike)
    if (words === undefined) return undefined
    const all = values.flatMap((value) => value.split('\u0000'))
    const left = all.splice(0, this.#placesIn(before))
    for (const [i, { text }] of code.words.entries()) {
      const own = all.splice(0, this.#placesIn(text))
      if (words[i] === text) left.push(...own)
    }
    return {
      path: [before, codeText(code.around, words), '<rest>'].join('\u0000'),
      values: this.foldPlaces(left),
    }
  }

  #placesIn(shaped: string): number {
    return [...shaped.matchAll(token)].filter(([, name = '']) => this.#threshold(name) > 1).length
  }

  #codeOf(run: Run): CodeOfRun | undefined {
    const known = this.#codes.get(run)
    if (known !== undefined || this.#codes.has(run)) return known
    const code = this.#findCode(run)
    this.#codes.set(run, code)
    return code
  }

  #findCode({ path, args = '' }: Run): CodeOfRun | undefined {
    const [, first = '', ...all] = args.split('\u0000')
    const names = [first.replace('<folder>', ''), ...all]
    if (all.at(-1) !== '<rest>' || !this.#programs.isShell(path, names)) return undefined
    const text = all.at(-2) ?? ''
    // A byte that is not text stays literal, and so does the text around it.
    const code = /\\x/.test(text) ? undefined : shellCode(text)
    return code && { before: ['', first, ...all.slice(0, -2)].join('\u0000'), code }
  }

  #find(path: string, own?: string): ShapedPath | undefined {
    // A name with an escape has bytes that are no text: nothing in it is a token.
    if (path.includes('\\')) {
      const plain = plainPath(path)
      return plain === path ? undefined : { path: plain, values: [] }
    }
    const values: string[] = []
    let head = ''
    let rest = path
    const inProc = proc.exec(path)
    if (inProc !== null) {
      head = `/proc/<pid>${inProc[1] === undefined ? '' : '/task/<pid>'}`
      if (inProc[2] !== undefined) head += `${inProc[2].replace(/\d+$/, '')}<fd>`
      rest = path.slice(inProc[0].length)
    } else {
      const numbered = this.rules.numbered.find((rule) => path.startsWith(rule.prefix))
      if (numbered !== undefined) {
        rest = path.slice(numbered.prefix.length)
        let parts = 0
        const named = rest.replace(/<|\d+/g, (found) => {
          if (found === '<') return '<lt>'
          parts += 1
          return parts > MAX_PARTS ? found : '<num>'
        })
        return named === rest ? undefined : { path: numbered.prefix + named, values }
      }
    }
    const shaped = head + this.#replace(rest, values, own)
    // A copy: an array that grew has room for more.
    return shaped === path ? undefined : { path: shaped, values: values.slice() }
  }

  #replace(text: string, values: string[], own?: string): string {
    return this.#finder.replace(
      text,
      (kind, part) => (kind === 'int' && part === own ? '<pid>' : this.#token(kind, part, values)),
      MAX_PARTS,
    )
  }

  /** What stood in the places of a shape that {@link shape} found for the path, with whatever number of a process. */
  valuesIn(path: string, shaped: string): readonly string[] {
    const plain = this.shape(path)
    if (plain?.path === shaped || !shaped.includes('<pid>')) return plain?.values ?? []
    const numbers = path.match(/\d+/g) ?? []
    const shapes = numbers.map((number) => this.shape(path, Number(number)))
    return (shapes.find((shape) => shape?.path === shaped) ?? plain)?.values ?? []
  }

  #token(name: FoundKind, text: string, values: string[]): string {
    if (name === 'lt') return '<lt>'
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
    for (const [, name = ''] of shaped.matchAll(token)) {
      const threshold = this.#threshold(name)
      if (threshold <= 1) continue
      if (needed.length < MAX_PLACES) needed.push(threshold)
      else needed[MAX_PLACES - 1] = Math.max(threshold, needed[MAX_PLACES - 1] ?? 0)
    }
    return needed
  }

  /** What a path in the language of shapes can stand for; of a rename, both paths joined by NUL. */
  pattern(shaped: string): ShapePattern {
    const known = this.#patterns.get(shaped)?.deref()
    if (known !== undefined) return known
    const thresholds = this.thresholds(shaped)
    const pattern = new ShapePattern(shaped, thresholds, (name) => this.#threshold(name) > 1)
    this.#patterns.set(shaped, new WeakRef(pattern))
    if (this.#patterns.size >= this.#patternsAt) this.#dropUnused()
    return pattern
  }

  /** Patterns that nobody uses any more. So seldom that it costs little. */
  #dropUnused(): void {
    for (const [shaped, pattern] of this.#patterns) {
      if (pattern.deref() === undefined) this.#patterns.delete(shaped)
    }
    this.#patternsAt = Math.max(PATTERNS_LEAST, 2 * this.#patterns.size)
  }

  #threshold(name: string): number {
    return unplaced.has(name) ? 1 : (this.rules.thresholds[name as TokenName] ?? Infinity)
  }
}

/** Fixed parts of a path: a `<`, and the context of the arguments that define the action. */
const unplaced: ReadonlySet<string> = new Set(['lt', 'argument', 'folder', 'rest', 'word'])
