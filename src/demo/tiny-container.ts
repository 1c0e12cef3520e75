import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * A container without an engine: an overlay of an image folder, its namespaces, and a cgroup whose name is the
 * container's id. The sensor needs no more than that to distinguish containers.
 */
export interface TinyContainer {
  /** 64 hex digits. */
  readonly id: string
  /** Process id of the container's init, on the host. */
  readonly pid: number
  /** Runs a command of the host's busybox in the container's network, outside of the container. Gives its output. */
  request(args: readonly string[], timeoutMs?: number): Promise<string>
  stop(): Promise<void>
}

const namespaces =
  '--mount --pid --uts --ipc --net --fork --kill-child=SIGKILL --propagation private'.split(' ')

/**
 * The steps before the service are no part of what the container does: its cgroup is entered last, by a
 * descriptor that was opened before the host's files went out of sight.
 */
const launcher = `
set -e
exec 9>"$SNUG_CGROUP/cgroup.procs"
cd "$SNUG_ROOT"
"$SNUG_BUSYBOX" mount -t proc proc proc
"$SNUG_BUSYBOX" ip link set lo up
"$SNUG_BUSYBOX" pivot_root . mnt
cd /
/bin/busybox umount -l /mnt
unset SNUG_CGROUP SNUG_ROOT SNUG_BUSYBOX OLDPWD
echo 0 >&9
exec 9>&-
exec "$@"
`

export interface TinyContainerOptions {
  readonly id: string
  /** Where its layers go: a folder on a file system that can carry an overlay's upper layer. */
  readonly folder: string
  /** The image's files. */
  readonly image: string
  readonly command: readonly string[]
  /** Path of a static busybox on the host. */
  readonly busybox: string
}

export function newContainerId(): string {
  return randomBytes(32).toString('hex')
}

export async function startTinyContainer(options: TinyContainerOptions): Promise<TinyContainer> {
  const { id, folder, image, command, busybox } = options
  const base = join(folder, id.slice(0, 12))
  const root = join(base, 'root')
  const cgroup = join(unifiedHierarchy(), 'snug-demo', id)
  for (const part of ['root', 'upper', 'work'])
    mkdirSync(join(base, part), { recursive: true, mode: 0o755 })
  const layers = `lowerdir=${image},upperdir=${join(base, 'upper')},workdir=${join(base, 'work')}`
  execFileSync('mount', ['-t', 'overlay', 'snug-demo', '-o', layers, root])
  mkdirSync(cgroup, { recursive: true })

  const child = spawn(
    'unshare',
    [...namespaces, busybox, 'sh', '-c', launcher, 'launcher', ...command],
    {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        SNUG_CGROUP: cgroup,
        SNUG_ROOT: root,
        SNUG_BUSYBOX: busybox,
      },
    },
  )

  async function stop(): Promise<void> {
    await end(child)
    for (let tries = 0; existsSync(cgroup) && tries < 50; tries++) {
      try {
        rmdirSync(cgroup)
      } catch {
        // Its last processes are still being taken down.
        await delay(20)
      }
    }
    execFileSync('umount', ['-l', root], { stdio: 'ignore' })
    rmSync(base, { recursive: true, force: true })
  }

  try {
    const pid = await firstProcess(cgroup, child)
    return { id, pid, request: (args, timeoutMs) => request(pid, busybox, args, timeoutMs), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Where cgroup v2 is mounted: the tree itself, or beneath the v1 controllers. */
export function unifiedHierarchy(): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((entry) => entry.includes(' - cgroup2 '))
  const target = line?.split(' ')[4]
  if (target === undefined) throw new Error('no cgroup v2 hierarchy is mounted')
  return target
}

/** The cgroup's parent, once the last container is gone. */
export function removeDemoCgroup(): void {
  try {
    rmdirSync(join(unifiedHierarchy(), 'snug-demo'))
  } catch {
    // Never made, or another demonstration still runs.
  }
}

async function request(
  pid: number,
  busybox: string,
  args: readonly string[],
  timeoutMs = 5_000,
): Promise<string> {
  const child = spawn('nsenter', ['-t', String(pid), '-n', busybox, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(child, 'close')
  return output
}

async function firstProcess(cgroup: string, child: ChildProcess): Promise<number> {
  for (let tries = 0; tries < 250 && child.exitCode === null; tries++) {
    const [pid] = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n')
    if (pid !== undefined && pid !== '') return Number(pid)
    await delay(20)
  }
  throw new Error('the container did not start: the kernel refused its namespaces or its overlay')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
