import type { ProgramRule } from './generalise-schema.ts'

/** Letters, and the digits of a version: `python3.13`. As the kernel programs have it (agent/exec.bpf.h). */
const versioned = /^([a-z]{1,15})[0-9.]*$/
const LONGEST_NAME = 16

/** The part of an argument vector that defines the action, if any. */
export interface ProfiledArguments {
  /** `wget`: the name under which a multi-call program was started. */
  readonly applet?: string
  /** From the second argument on: options, and the code, the module or the script that is run. */
  readonly head: readonly string[]
  /** Others may follow, which are given to what the head names; else the head is all there is. */
  readonly open: boolean
}

type Head = Pick<ProfiledArguments, 'head' | 'open'>

/**
 * Holds the programs whose arguments define the action: interpreters, and programs with many names.
 */
export class ProgramArguments {
  readonly #rules = new Map<string, ProgramRule>()

  constructor(rules: readonly ProgramRule[]) {
    for (const rule of rules) for (const name of rule.names) this.#rules.set(name, rule)
  }

  discriminate(path: string): boolean {
    return this.#ruleOf(path.slice(path.lastIndexOf('/') + 1)) !== undefined
  }

  /** Undefined where the program is none of them. */
  profiled(path: string, args: readonly string[]): ProfiledArguments | undefined {
    const rule = this.#ruleOf(path.slice(path.lastIndexOf('/') + 1))
    if (rule === undefined) return undefined
    const rest = args.slice(1)
    if (rule.applets !== true) return headOf(rule, rest)
    const applet = calledAs(args[0] ?? '')
    return { applet, ...this.#ofApplet(applet, rest) }
  }

  /** Whether its code is that of a shell; `names`: other names that it may be called by. */
  isShell(path: string, names: readonly string[]): boolean {
    const rule = this.#ruleOf(path.slice(path.lastIndexOf('/') + 1))
    if (rule?.applets !== true) return rule?.options === 'shell'
    const name = names.map(calledAs).find((one) => this.#ruleOf(one)?.applets !== true)
    return this.#ruleOf(name ?? '')?.options === 'shell'
  }

  /**
   * The file of code that the arguments of an interpreter name, where that is an absolute path; undefined
   * where it runs other code, or where the reading is unclear.
   */
  script(path: string, args: readonly string[]): string | undefined {
    let rest = args.slice(1)
    let rule = this.#ruleOf(path.slice(path.lastIndexOf('/') + 1))
    if (rule?.applets === true) {
      const at = args.findIndex((arg) => this.#ruleOf(calledAs(arg))?.applets !== true)
      rule = this.#ruleOf(calledAs(args[at] ?? ''))
      rest = args.slice(at + 1)
    }
    if (rule === undefined || rule.applets === true || rule.subcommands === true) return undefined
    const first = rest.findIndex((arg) => !arg.startsWith('-'))
    const known = rest.slice(0, Math.max(first, 0)).every((arg) => isPlainOption(rule, arg))
    const script = rest[first]
    return known && script?.startsWith('/') === true ? script : undefined
  }

  #ofApplet(name: string, rest: readonly string[]): Head {
    const rule = this.#ruleOf(name)
    if (rule === undefined) return { head: [], open: true }
    if (rule.applets !== true) return headOf(rule, rest)
    // `busybox wget …`: the applet is the next argument, and may be busybox again.
    const next = rest.findIndex((arg) => this.#ruleOf(calledAs(arg))?.applets !== true)
    if (next < 0) return { head: rest, open: false }
    const { head, open } = this.#ofApplet(calledAs(rest[next] ?? ''), rest.slice(next + 1))
    return { head: [...rest.slice(0, next + 1), ...head], open }
  }

  #ruleOf(name: string): ProgramRule | undefined {
    if (name.length > LONGEST_NAME) return undefined
    return this.#rules.get(versioned.exec(name)?.[1] ?? '')
  }
}

/** `/bin/wget` and the login shell's `-sh`. */
function calledAs(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return name.startsWith('-') && last === name ? last.slice(1) : last
}

/**
 * Up to the code that is run: what comes after it is given to the code. Options are read to their
 * end, as several of them may hold code. Where the reading is unclear, the head is longer.
 */
function headOf(rule: ProgramRule, args: readonly string[]): Head {
  const isShell = rule.options === 'shell'
  let operands = rule.subcommands === true ? 2 : 1
  let hasCode = false
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const ends = arg === '--' || (isShell && (arg === '-' || arg === '+'))
    const isOption = /^-./.test(arg) || (isShell && arg.startsWith('+'))
    if (ends || !isOption) {
      const end = ends ? i + operands + 1 : i + 1
      if (hasCode) return { head: args.slice(0, ends ? i + 1 : i), open: true }
      operands -= 1
      if (ends || operands === 0) return { head: args.slice(0, end), open: end <= args.length }
      continue
    }
    const option = readOption(rule, arg)
    if (option.isLast) {
      const end = i + 1 + option.values
      return { head: args.slice(0, end), open: end <= args.length }
    }
    // What looks like an option may be one: it is no code for certain.
    if (option.isCode && option.values === 1) hasCode ||= !(args[i + 1] ?? '-').startsWith('-')
    i += option.values
  }
  return { head: args, open: false }
}

/** Neither code nor followed by a value. A shell's `-c` makes code of the operand. */
function isPlainOption(rule: ProgramRule, arg: string): boolean {
  if (rule.options === 'shell' && /^-[a-zA-Z]*c/.test(arg)) return false
  const { values, isCode, isLast } = readOption(rule, arg)
  return values === 0 && !isCode && !isLast
}

interface OptionRead {
  /** The arguments behind it that are its values. */
  readonly values: number
  readonly isCode: boolean
  /** All that follows belongs to the code. */
  readonly isLast: boolean
}

const plain: OptionRead = { values: 0, isCode: false, isLast: false }

function readOption({ code = [], last = [], valued = [], options }: ProgramRule, arg: string) {
  const isOne = (list: readonly string[], option: string): boolean => list.includes(option)
  const read = (option: string, values: number): OptionRead => ({
    values,
    isCode: isOne(code, option),
    isLast: isOne(last, option),
  })
  if (isOne([...code, ...last, ...valued], arg)) return read(arg, 1)
  const sign = arg[0] ?? ''
  if (arg[1] === sign) {
    const [name = ''] = arg.split('=', 1)
    return name === arg ? plain : read(name, 0)
  }
  // Short options are written together: `-ec`. A value may follow in the same argument.
  if (options === 'shell') {
    const values = Array.from(arg).filter((letter) => isOne(valued, `${sign}${letter}`)).length
    return { ...plain, values }
  }
  for (let i = 1; i < arg.length; i++) {
    const option = `${sign}${arg[i]}`
    if (isOne([...code, ...last, ...valued], option))
      return read(option, i + 1 < arg.length ? 0 : 1)
  }
  return plain
}
