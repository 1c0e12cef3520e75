import { readFileSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'

/** By path: whether the commands of the unit name this program, or the script that it runs by these arguments. */
export type IsNamed = (program: string, args: readonly string[]) => boolean

/**
 * The main program of a unit whose command starts another one and ends (`Type=forking`), by the rule of systemd: the one
 * process whose parent is outside of the unit. Undefined while a command of the unit runs, or where several remain.
 *
 * @param pids of the unit
 * @param manager the process whose program lies beside the one that becomes the command
 */
export function mainProgram(
  pids: readonly number[],
  manager: string,
  isNamed: IsNamed,
): string | undefined {
  try {
    const inside = new Set(pids)
    const before = `${dirname(readlinkSync(`${manager}/exe`))}/`
    const found = new Set<string>()
    for (const pid of pids) {
      const program = readlinkSync(`/proc/${pid}/exe`)
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (program.startsWith(before) || isNamed(program, args)) return undefined
      if (!inside.has(parentOf(pid))) found.add(program)
    }
    const [program] = found
    return found.size === 1 ? program : undefined
  } catch {
    // A process ended.
    return undefined
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
