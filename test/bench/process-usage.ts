import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  readonly cpuSeconds: number
}

/** The daemon by its pid, and the sensor: its child. */
export function usage(daemon: number): { readonly daemon: Usage; readonly sensor: Usage } {
  const [own = daemon, ...children] = processTree(daemon)
  return {
    daemon: { cpuSeconds: cpu(own) },
    sensor: { cpuSeconds: children.reduce((sum, pid) => sum + cpu(pid), 0) },
  }
}

/** The process and its children, parent first. */
export function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '),
  )
  return [pid, ...children.filter((child) => child !== '').map(Number)]
}

/** User and system time; the clock of `/proc/PID/stat` ticks 100 times a second on Linux. */
function cpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** What a process has in memory, with the files that it maps. */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
}
