import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { debianKernel } from '../kernel-package.ts'
import { Port } from '../machine.ts'
import { amd64 } from '../platform.ts'
import { debianDisk, snugDisk } from './disks.ts'
import { packServices } from './images.ts'

/** However the tests go, a machine does not outlive this. */
const lifetimeSeconds = 4_000
const bootDeadlineMs = 600_000

/** In the order in which they are loaded; those that the kernel has built in are left out. */
const modules = ['virtio_blk', 'virtio_console', 'overlay', 'llc', 'stp', 'bridge', 'veth']

export interface DockerHostOptions {
  /** More for the kernel's command line, as `lsm=…`. */
  readonly append?: string
  /** Path below `/srv` → file here. */
  readonly files?: Readonly<Record<string, string>>
}

/**
 * A virtual machine with Debian, its kernel and its Docker. In `/srv` it has Snug as it is built here, and
 * `services.tar`: see `packServices`.
 */
export class DockerHost {
  readonly #folder: string
  readonly #qemu: ChildProcess
  readonly #ended: Promise<unknown>
  #complaints = ''
  #control: Port | undefined

  private constructor(folder: string, command: readonly string[]) {
    this.#folder = folder
    this.#qemu = spawn('timeout', command, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#qemu.stderr?.on('data', (text: Buffer) => {
      this.#complaints += text.toString()
    })
    this.#ended = once(this.#qemu, 'exit')
  }

  static async boot({ append = '', files = {} }: DockerHostOptions = {}): Promise<DockerHost> {
    const root = await debianDisk()
    const folder = mkdtempSync(join(tmpdir(), 'snug-qemu-'))
    try {
      const kernel = debianKernel(amd64)
      const services = await packServices(folder)
      const snug = snugDisk(folder, { ...files, 'services.tar': services })
      const drive = (file: string, options = ''): readonly string[] => [
        '-drive',
        `file=${file},format=raw,if=virtio,cache=unsafe${options}`,
      ]
      const command = [
        ['--kill-after=5', String(lifetimeSeconds)],
        [amd64.qemu, ...amd64.machine],
        ['-accel', 'tcg,thread=multi'],
        ['-smp', '2', '-m', '3G'],
        ['-display', 'none', '-no-reboot', '-nodefaults'],
        ['-serial', `file:${join(folder, 'console')}`],
        ['-kernel', kernel.image],
        ['-initrd', initrdIn(folder, (name) => kernel.module(name))],
        ['-append', `console=${amd64.console} panic=-1 quiet mitigations=off ${append}`],
        drive(root, ',snapshot=on'),
        drive(snug),
        ['-device', 'virtio-serial-pci'],
        ['-chardev', `socket,id=control,path=${join(folder, 'control.sock')},server=on,wait=off`],
        ['-device', 'virtserialport,chardev=control,name=control'],
      ]
      const host = new DockerHost(folder, command.flat())
      try {
        await host.#up()
      } catch (error) {
        await host.stop()
        throw error
      }
      return host
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The machine's output up to now. */
  get log(): string {
    const console = join(this.#folder, 'console')
    return this.#complaints + (existsSync(console) ? readFileSync(console, 'latin1') : '')
  }

  async #up(): Promise<void> {
    const deadline = performance.now() + bootDeadlineMs
    while (!this.log.includes('the machine is up')) {
      if (this.#qemu.exitCode !== null || performance.now() > deadline) {
        throw new Error(`the machine does not come up:\n${this.log.slice(-4000)}`)
      }
      await delay(100)
    }
    this.#control = await Port.open(join(this.#folder, 'control.sock'))
  }

  /** Runs a line of shell in `/srv`, one at a time. Gives its output and its exit status. */
  async run(
    line: string,
    timeoutMs = 120_000,
  ): Promise<{ readonly output: string; readonly status: number }> {
    if (this.#control === undefined) throw new Error('the machine is not up')
    const { printed, last } = await this.#control.ask(line, /^done \d+$/, () => this.log, timeoutMs)
    return { output: printed, status: Number(last.slice('done '.length)) }
  }

  async stop(): Promise<void> {
    this.#control?.close()
    if (this.#qemu.exitCode === null) {
      this.#qemu.kill()
      await this.#ended
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

function initrdIn(folder: string, module: (name: string) => Buffer | undefined): string {
  const root = join(folder, 'initramfs')
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'modules'))
  for (const [from, to] of [
    [here('first.sh'), 'init'],
    [here('second.sh'), 'second'],
    ['/bin/busybox', 'bin/busybox'],
  ] as const) {
    copyFileSync(from, join(root, to))
    chmodSync(join(root, to), 0o755)
  }
  for (const [index, name] of modules.entries()) {
    const content = module(name)
    if (content !== undefined)
      writeFileSync(join(root, `modules/${String(index).padStart(2, '0')}-${name}.ko`), content)
  }
  const initrd = join(folder, 'initrd')
  execFileSync(
    'sh',
    ['-ec', 'find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet | gzip -1 >"$0"', initrd],
    { cwd: root },
  )
  return initrd
}
