import { readFileSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'

/** By path: whether the commands of the unit name this program, or the script that it runs by these arguments. */
export type IsNamed = (program: string, args: readonly string[]) => boolean

/**
 * The main program of a unit whose command starts another one and ends (`Type=forking`), by the rule of systemd: the one
 * process whose parent is outside of the unit. Undefined while a command of the unit runs, or where several remain.
 *
 * @param pids of the unit; those that ended since are not it
 * @param manager the process whose program lies beside the one that becomes the command
 */
export function mainProgram(
  pids: readonly number[],
  manager: string,
  isNamed: IsNamed,
): string | undefined {
  const inside = new Set(pids)
  const before = folderOfManager(manager)
  if (before === undefined) return undefined
  const found = new Set<string>()
  for (const pid of pids) {
    const process = processOf(pid)
    if (process === undefined) continue
    const { program, args, parent } = process
    if (program.startsWith(before) || isNamed(program, args)) return undefined
    if (!inside.has(parent)) found.add(program)
  }
  const [program] = found
  return found.size === 1 ? program : undefined
}

function folderOfManager(manager: string): string | undefined {
  try {
    return `${dirname(readlinkSync(`${manager}/exe`))}/`
  } catch {
    return undefined
  }
}

interface Process {
  readonly program: string
  readonly args: readonly string[]
  readonly parent: number
}

/** Undefined where it has ended. */
function processOf(pid: number): Process | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return {
      program: readlinkSync(`/proc/${pid}/exe`),
      args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
      parent: Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]),
    }
  } catch {
    return undefined
  }
}
