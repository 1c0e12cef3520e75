import { readFileSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'

/** By path: whether the commands of the unit name this program, or the script that it runs by these arguments. */
export type IsNamed = (program: string, args: readonly string[]) => boolean

/**
 * The main program of a unit whose command starts another one and ends (`Type=forking`), by the rule of systemd: the one
 * process whose parent is outside of the unit. It is older than a command that stops the unit, and a process is not it that
 * a command has started and left. Undefined where several remain.
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
  const processes = pids.flatMap((pid) => processOf(pid) ?? [])
  const isCommand = ({ program, args }: Process): boolean =>
    program.startsWith(before) || isNamed(program, args)
  const commands = processes.filter(isCommand)
  const found = processes.filter(
    (one) =>
      !inside.has(one.parent) &&
      !isCommand(one) &&
      commands.every(({ started }) => one.started < started),
  )
  const [program, ...others] = new Set(found.map((one) => one.program))
  return others.length === 0 ? program : undefined
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
  /** In ticks since the system started. */
  readonly started: number
}

/** Undefined where it has ended. */
function processOf(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the name of the program, which may have any characters.
    const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      program: readlinkSync(`/proc/${pid}/exe`),
      args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
      parent: Number(words[1]),
      started: Number(words[19]),
    }
  } catch {
    return undefined
  }
}
