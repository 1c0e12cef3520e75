import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { CaseProcess, CaseSocket } from '../../api/case-views.ts'
import { caseBounds } from '../records/cases/case-file.ts'
import { cgroupHierarchy } from '../pipeline/identity/container-rootfs.ts'

/** A process can hold up a reader of its memory: then there is no answer. */
const patienceMs = 500
/** Ticks in a second, of times in /proc: the same on every machine. */
const ticksPerSecond = 100

/** The processes below the cgroup, as far as they can be read. `cut`: there are more. */
export async function processesOf(
  cgroup: string,
): Promise<{ readonly processes: readonly CaseProcess[]; readonly cut: boolean }> {
  const hierarchy = cgroupHierarchy()
  if (hierarchy === undefined || cgroup === '') return { processes: [], cut: false }
  const pids = await pidsBelow(join(hierarchy, cgroup))
  const bootMs = await bootTime()
  const processes: CaseProcess[] = []
  let sockets: ReadonlyMap<string, CaseSocket> | undefined
  for (const pid of pids.slice(0, caseBounds.processes)) {
    sockets ??= await socketsOf(pid)
    const found = await processOf(pid, bootMs, sockets)
    if (found !== undefined) processes.push(found)
  }
  return { processes, cut: pids.length > caseBounds.processes }
}

async function pidsBelow(folder: string): Promise<readonly number[]> {
  const text = (await soon(readFile(join(folder, 'cgroup.procs'), 'utf8'))) ?? ''
  const pids = text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
  const below = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of below)
    if (entry.isDirectory()) pids.push(...(await pidsBelow(join(folder, entry.name))))
  return pids
}

async function processOf(
  pid: number,
  bootMs: number,
  known: ReadonlyMap<string, CaseSocket>,
): Promise<CaseProcess | undefined> {
  const at = `/proc/${pid}`
  const [stat, status] = await Promise.all([
    soon(readFile(`${at}/stat`, 'utf8')),
    soon(readFile(`${at}/status`, 'utf8')),
  ])
  if (stat === undefined || status === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const id = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  const [exe = '', cwd = '', args = '', maps = ''] = await Promise.all([
    soon(readlink(`${at}/exe`)),
    soon(readlink(`${at}/cwd`)),
    soon(readFile(`${at}/cmdline`, 'utf8')),
    soon(readFile(`${at}/maps`, 'utf8')),
  ])
  const open = await openFiles(at)
  const sockets = open.flatMap((name) => known.get(name) ?? [])
  return {
    pid,
    ppid: Number(fields[1]),
    uid: id('Uid'),
    gid: id('Gid'),
    started: new Date(bootMs + (Number(fields[19]) / ticksPerSecond) * 1_000).toISOString(),
    exe,
    args: args.split('\0').slice(0, -1),
    cwd,
    files: open.filter((name) => name.startsWith('/')),
    mapped: mappedCode(maps, exe),
    sockets,
  }
}

async function openFiles(process: string): Promise<readonly string[]> {
  const numbers = await readdir(`${process}/fd`).catch(() => [])
  const names = new Set<string>()
  for (const number of numbers.slice(0, caseBounds.perProcess)) {
    const name = await soon(readlink(`${process}/fd/${number}`))
    if (name !== undefined) names.add(name)
  }
  return [...names]
}

function mappedCode(maps: string, exe: string): readonly string[] {
  const names = new Set<string>()
  for (const [, name] of maps.matchAll(/^\S+ ..x. \S+ \S+ \d+ +(\/.*)$/gm)) {
    if (name !== undefined && name !== exe) names.add(name)
    if (names.size === caseBounds.perProcess) break
  }
  return [...names]
}

/** By the name that a descriptor has: those of the process's network namespace. */
async function socketsOf(pid: number): Promise<ReadonlyMap<string, CaseSocket>> {
  const found = new Map<string, CaseSocket>()
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const table of [protocol, `${protocol}6`]) {
      const text = (await soon(readFile(`/proc/${pid}/net/${table}`, 'utf8'))) ?? ''
      for (const line of text.split('\n').slice(1)) {
        const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/)
        if (local === undefined || remote === undefined || inode === undefined) continue
        found.set(`socket:[${inode}]`, {
          protocol,
          local: addressOf(local),
          remote: addressOf(remote),
          state: stateNames[Number.parseInt(state ?? '', 16)] ?? 'other',
        })
      }
    }
  }
  return found
}

/** As in the kernel's `tcp_states.h`. */
const stateNames = [
  '',
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'closed',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
]

/** `0100007F:1F90`: words in the byte order of the machine. */
export function addressOf(text: string): string {
  const [address = '', port = ''] = text.split(':')
  const bytes = Buffer.from(address, 'hex')
  if (endianness === 'LE') bytes.swap32()
  const number = Number.parseInt(port, 16)
  if (bytes.length === 4) return `${bytes.join('.')}:${number}`
  const words = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16))
  return `[${new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)}]:${number}`
}

const endianness = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 'LE' : 'BE'

async function bootTime(): Promise<number> {
  const stat = await readFile('/proc/stat', 'utf8')
  return Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1_000
}

/** Undefined where the process has ended, or cannot be read in time. */
async function soon<T>(reading: Promise<T>): Promise<T | undefined> {
  return Promise.race([
    reading.catch(() => undefined),
    delay(patienceMs, undefined, { ref: false }),
  ])
}
