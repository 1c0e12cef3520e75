import { execFile } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { compile } from '../fixtures/compiled-program.ts'

/** A system call of the attacker's: its number, and its arguments as `door.c` takes them. */
export type Call = readonly [number: number, ...args: readonly Argument[]]

export type Argument =
  | number
  | string
  /** The result of an earlier call, by its index. */
  | { readonly result: number }
  | { readonly array: readonly string[] }
  | { readonly buffer: number }
  | { readonly bytes: Buffer }

/** What each call gave, in order; at last how the attacker's process ended, where that came before the last call. */
export interface Doing {
  readonly results: readonly number[]
  readonly end?: string
  /** Set where the attacker could not enter the process. */
  readonly failure?: string
}

function argument(value: Argument): string {
  if (typeof value === 'number') return `i:${value}`
  if (typeof value === 'string') return `s:${hex(value)}`
  if ('result' in value) return `r:${value.result}`
  if ('buffer' in value) return `b:${value.buffer}`
  if ('bytes' in value) return `s:${value.bytes.toString('hex')}`
  return `v:${value.array.map(hex).join(',')}`
}

const hex = (text: string): string => Buffer.from(text).toString('hex')

let compiled: string | undefined

/** For the standard input of `door.c`. */
export function inputOf(calls: readonly Call[]): string {
  const lines = calls.map(([number, ...args]) => [number, ...args.map(argument)].join(' '))
  return `${lines.join('\n')}\n`
}

/** Reads what `door.c` printed. */
export function doingOf(printed: string): Doing {
  const lines = printed.trim().split('\n')
  const results = lines.filter((line) => /^-?\d+$/.test(line)).map(Number)
  const end = lines.find((line) => /^(killed|exited) /.test(line))
  return { results, ...(end === undefined ? {} : { end }) }
}

/** Compiled once. */
export function doorProgram(): string {
  compiled ??= compile('eval/door.c')
  return compiled
}

/** Makes these calls in a child of a process of the service. */
export async function enter(pid: number, calls: readonly Call[]): Promise<Doing> {
  const program = doorProgram()
  return new Promise((resolve) => {
    const child = execFile(program, [String(pid)], { timeout: 15_000 }, (error, stdout, stderr) => {
      resolve({
        ...doingOf(stdout),
        ...(error === null ? {} : { failure: stderr.trim() || error.message }),
      })
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(inputOf(calls))
  })
}

/** The process that the attacker enters: a worker of the main process where there is one, else that one. */
export function victim(main: number): number {
  const children = readFileSync(`/proc/${main}/task/${main}/children`, 'utf8').trim().split(' ')
  const exe = (pid: number): string | undefined => {
    try {
      return readlinkSync(`/proc/${pid}/exe`)
    } catch {
      return undefined
    }
  }
  return children.map(Number).find((pid) => pid > 0 && exe(pid) === exe(main)) ?? main
}
