import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { compile } from '../fixtures/compiled-program.ts'

const busybox = '/bin/busybox'

/** Where cgroup v2 is mounted. */
export function unifiedHierarchy(): string {
  const mount = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
  const path = mount?.split(' ')[4]
  if (path === undefined) throw new Error('no cgroup v2 hierarchy is mounted')
  return path
}

/** A folder as root of containers: `workload`, `acts`, and a few files. */
export function buildImage(): string {
  const image = mkdtempSync(join(tmpdir(), 'snug-sensor-'))
  for (const folder of ['bin', 'etc', 'data', 'mnt', 'proc', 'dev', 'tmp']) {
    mkdirSync(join(image, 'image', folder), { recursive: true })
  }
  for (const program of ['workload', 'acts']) {
    copyFileSync(compile(`sensor/${program}.c`), join(image, 'image/bin', program))
  }
  copyFileSync(busybox, join(image, 'image/bin/busybox'))
  // Every uid can write to these folders.
  for (const folder of ['data', 'tmp']) chmodSync(join(image, 'image', folder), 0o1777)
  writeFileSync(join(image, 'image/etc/secret'), 'secret\n')
  writeFileSync(join(image, 'image/etc/private'), 'private\n', { mode: 0o600 })
  writeFileSync(join(image, 'image/etc/passwd'), 'root:x:0:0::/:/bin/sh\n')
  writeFileSync(join(image, 'image/data/compat'), 'x')
  writeFileSync(join(image, 'image/etc/script.sh'), '#!/bin/busybox sh\n:\n', { mode: 0o755 })
  for (const file of ['bin/workload', 'bin/acts', 'bin/busybox'])
    chmodSync(join(image, 'image', file), 0o755)
  return image
}

/** Also where paths are longer than a system call takes. */
export function removeTree(path: string): void {
  execFileSync('rm', ['-rf', path])
}

/** Enters the cgroup last: events before the container's program do not belong to the container. */
const launcher = `
set -e
exec 9>"$SNUG_CGROUP/cgroup.procs"
cd "$SNUG_ROOT"
${busybox} mount -t proc proc proc
${busybox} ip link set lo up
${busybox} pivot_root . mnt
cd /
/bin/busybox umount -l /mnt
unset SNUG_CGROUP SNUG_ROOT OLDPWD
exec /bin/acts as "$SNUG_USER" /bin/busybox sh -c 'unset SNUG_USER; echo 0 >&9; exec 9>&-; exec "$@"' launcher "$@"
`

const apart = (
  '--mount --pid --net --fork --kill-child=SIGKILL --propagation private ' + `${busybox} sh -c`
)
  .split(' ')
  .concat(launcher, 'launcher')

export function newId(): string {
  return randomBytes(32).toString('hex')
}

/** A container without an engine that performs commands, one at a time. */
export class Container {
  readonly id: string
  readonly root: string
  readonly #base: string
  readonly cgroup: string
  /** Exit code and signal of its first program. */
  readonly ended: Promise<readonly unknown[]>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: Interface

  /** `program`: one that reads commands. `prepare` is called with its root before it starts. */
  constructor(
    image: string,
    program: 'workload' | 'acts' | 'bypass' | 'red' = 'workload',
    id = newId(),
    uid = 0,
    args: readonly string[] = ['serve'],
    prepare?: (root: string) => void,
  ) {
    this.id = id
    this.cgroup = join(unifiedHierarchy(), id)
    this.#base = join(image, this.id.slice(0, 12))
    this.root = join(this.#base, 'root')
    for (const folder of ['root', 'upper', 'work']) {
      mkdirSync(join(this.#base, folder), { recursive: true })
    }
    const layers = [
      `lowerdir=${join(image, 'image')}`,
      `upperdir=${join(this.#base, 'upper')}`,
      `workdir=${join(this.#base, 'work')}`,
    ]
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers.join(','), this.root])
    prepare?.(this.root)
    mkdirSync(this.cgroup)
    this.#child = spawn('unshare', [...apart, `/bin/${program}`, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/bin:/bin',
        SNUG_CGROUP: this.cgroup,
        SNUG_ROOT: this.root,
        SNUG_USER: `${uid}`,
      },
    })
    this.ended = once(this.#child, 'close')
    this.#lines = createInterface({ input: this.#child.stdout })
  }

  /** Runs one command of the program and returns its output before `done`. */
  async run(command: string): Promise<string> {
    const printed: string[] = []
    const done = new Promise<void>((resolve) => {
      const take = (line: string): void => {
        if (line !== 'done') {
          printed.push(line)
          return
        }
        this.#lines.off('line', take)
        resolve()
      }
      this.#lines.on('line', take)
    })
    this.#child.stdin.write(`${command}\n`)
    const over = this.ended.then(([code, signal]) => {
      throw new Error(`the container ended (${String(code ?? signal)}) before it did: ${command}`)
    })
    await Promise.race([done, over])
    return printed.join('\n')
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    await this.ended
    // The kernel lets go of the last process a little after it was reaped.
    for (let tries = 0; ; tries++) {
      try {
        rmdirSync(this.cgroup)
        break
      } catch (error) {
        if (tries > 100) throw error
        await delay(10)
      }
    }
    execFileSync('umount', ['-l', this.root])
    removeTree(this.#base)
  }
}
