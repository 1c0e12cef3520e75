import type { ProgramRule } from './generalise.ts'

/** Of more arguments than that, only the first are considered. */
const LOOKED_AT = 16

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
    if (this.#ruleOf(applet) !== rule) return { applet, ...this.#ofApplet(applet, rest) }
    // `busybox wget …`: the applet is the first argument.
    const [name, ...others] = rest
    if (name === undefined) return { applet, head: [], open: false }
    const { head, open } = this.#ofApplet(name, others)
    return { applet, head: [name, ...head], open }
  }

  #ofApplet(name: string, rest: readonly string[]): Head {
    const rule = this.#ruleOf(name)
    return rule === undefined || rule.applets === true
      ? { head: [], open: true }
      : headOf(rule, rest)
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

/** Up to the code, or the first argument that is no option: what comes after it is given to that. */
function headOf({ code = [], valued = [] }: ProgramRule, args: readonly string[]): Head {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (i >= LOOKED_AT) return { head: args.slice(0, i), open: true }
    const end = code.some((flag) => isCode(flag, arg)) ? i + 2 : i + 1
    if (end === i + 2 || !/^[-+]./.test(arg)) {
      return { head: args.slice(0, end), open: end <= args.length }
    }
    if (valued.includes(arg)) i += 1
  }
  return { head: args, open: false }
}

/** Short options are written together: `-ec`. */
function isCode(flag: string, arg: string): boolean {
  if (arg === flag) return true
  const short = flag.length === 2 && flag.startsWith('-') && !arg.startsWith('--')
  return short && arg.startsWith('-') && arg.includes(flag.slice(1))
}
