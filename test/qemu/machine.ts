import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildInitramfs, ownPrograms, type Programs } from './initramfs.ts'
import { debianKernel } from './kernel-package.ts'
import { amd64, type Platform } from './platform.ts'
import { hangMs } from '../fixtures/patience.ts'

/** As some distributions start theirs: BPF LSM is built in, and not asked. */
export const withoutBpf = 'lsm=lockdown,capability,landlock,yama'
export const withBpf = `${withoutBpf},bpf`

/** However the tests go, a machine does not outlive this. */
const testSeconds = 900
const containerPorts = ['c0', 'c1', 'c2', 'c3']
const bridge = fileURLToPath(new URL('sensor-bridge.ts', import.meta.url))
const builtSensor = fileURLToPath(new URL('../../agent/snug-sensor', import.meta.url))

export interface MachineOptions {
  readonly platform?: Platform
  readonly programs?: Programs
  /** Adds to the machine's own root, before it is packed. */
  readonly addTo?: (root: string) => void
  /** More for the kernel's command line, as `lsm=…`. */
  readonly append?: string
  /** The machine does not outlive this, however its user ends. */
  readonly lifetimeSeconds?: number
  /** How many sensors can run in it at a time. By default one. */
  readonly sensors?: number
  /** It has one processor, and its clock counts instructions: a nanosecond is one. So it does not tell what they cost. */
  readonly countsInstructions?: true
}

/**
 * A virtual machine with Debian's kernel, the sensor, and containers. It needs no KVM. All input and output goes
 * through virtio ports, each a socket here, so that a source on this side drives the sensor in the machine.
 */
export class Machine {
  readonly release: string
  /** Each for `EbpfSourceOptions.sensorPath`, of one sensor at a time. */
  readonly sensorPaths: readonly string[]
  readonly #folder: string
  readonly #qemu: ChildProcess
  readonly #ended: Promise<unknown>
  #complaints = ''
  #control: Port | undefined
  #turn: Promise<unknown> = Promise.resolve()
  readonly #free = [...containerPorts]

  private constructor(options: MachineOptions) {
    const platform = options.platform ?? amd64
    this.#folder = mkdtempSync(join(tmpdir(), 'snug-qemu-'))
    const kernel = debianKernel(platform)
    const programs = options.programs ?? ownPrograms(process.env['SNUG_TEST_SENSOR'] ?? builtSensor)
    const initrd = buildInitramfs(this.#folder, platform, kernel, programs, options.addTo)
    this.release = kernel.release
    const sensors = Array.from({ length: options.sensors ?? 1 }, (_, n) => `sensor${n}`)
    this.sensorPaths = sensors.map((name) => {
      const path = join(this.#folder, name)
      const socket = this.#socket(name)
      const line = `exec '${process.execPath}' --import tsx '${bridge}' '${socket}' "$@"`
      writeFileSync(path, `#!/bin/sh\n${line}\n`)
      chmodSync(path, 0o755)
      return path
    })
    const log = `console=${platform.console} panic=-1 quiet ${platform.parameters ?? ''} ${options.append ?? ''}`
    const ports = ['control', ...sensors, ...containerPorts].flatMap((name) => [
      '-chardev',
      `socket,id=${name},path=${this.#socket(name)},server=on,wait=off`,
      '-device',
      `virtserialport,chardev=${name},name=${name}`,
    ])
    const command = [
      ['--kill-after=5', String(options.lifetimeSeconds ?? testSeconds)],
      [platform.qemu, ...platform.machine],
      options.countsInstructions === true
        ? ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=on', '-smp', '1']
        : ['-accel', 'tcg,thread=multi', '-smp', '2'],
      ['-m', '1G'],
      ['-display', 'none'],
      ['-no-reboot', '-nodefaults'],
      ['-serial', `file:${this.#console}`],
      ['-kernel', kernel.image],
      ['-initrd', initrd],
      ['-append', log],
      ['-device', 'virtio-serial-pci'],
      ports,
    ]
    this.#qemu = spawn('timeout', command.flat(), { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#qemu.stderr?.on('data', (text: Buffer) => {
      this.#complaints += text.toString()
    })
    this.#ended = once(this.#qemu, 'exit')
  }

  static async boot(options: MachineOptions = {}): Promise<Machine> {
    const first = await Machine.#bootOnce(options)
    const machine = first ?? (await Machine.#bootOnce(options))
    if (machine === undefined) throw new Error('the emulator lost a timer of the machine twice')
    return machine
  }

  /** Undefined where the emulator lost a timer of a processor while its kernel began: it then hangs for ever. */
  static async #bootOnce(options: MachineOptions): Promise<Machine | undefined> {
    const machine = new Machine(options)
    try {
      await machine.#up()
      return machine
    } catch (error) {
      const hasLostTimer = machine.#hasLostTimer
      await machine.stop()
      if (hasLostTimer) return undefined
      throw error
    }
  }

  get #hasLostTimer(): boolean {
    return this.log.includes("kthread timer wakeup didn't happen")
  }

  /** The path of the only sensor, or of the first. */
  get sensorPath(): string {
    return this.sensorPaths[0] ?? ''
  }

  get #console(): string {
    return join(this.#folder, 'console')
  }

  /** The machine's output up to now: from the kernel, init, and the sensor. */
  get log(): string {
    const console = existsSync(this.#console) ? readFileSync(this.#console, 'latin1') : ''
    return this.#complaints + console
  }

  #socket(name: string): string {
    return join(this.#folder, `${name}.sock`)
  }

  async #up(): Promise<void> {
    const deadline = performance.now() + hangMs
    while (!this.log.includes('the machine is up')) {
      const isOver = this.#qemu.exitCode !== null || performance.now() > deadline
      if (isOver || this.#hasLostTimer) {
        throw new Error(`the machine does not come up:\n${this.log.slice(-4000)}`)
      }
      await delay(100)
    }
    this.#control = await Port.open(this.#socket('control'))
  }

  /** Runs a line of shell in the machine, outside of containers, and returns its output. Throws where it fails. */
  run(line: string): Promise<string> {
    const turn = this.#turn.then(async () => {
      if (this.#control === undefined) throw new Error('the machine is not up')
      const { printed, last } = await this.#control.ask(line, /^done (\d+)$/, () => this.log)
      if (last !== 'done 0') throw new Error(`${line}: ${last}\n${printed}`)
      return printed
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Starts the program in its own container, whose id is 64 hex digits. It serves one command a line. */
  async container(
    id: string,
    program = '/bin/workload serve',
    image = '/image',
  ): Promise<VmContainer> {
    const port = this.#free.shift()
    if (port === undefined) throw new Error('no more containers at a time in one machine')
    const streams = await Port.open(this.#socket(port))
    await this.run(`LOWER=${image} container ${id} ${port} ${program}`)
    return new VmContainer(this, id, streams, () => this.#free.push(port))
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

/** As `Container` of the tests on this kernel. */
export class VmContainer {
  readonly id: string
  readonly #machine: Machine
  readonly #streams: Port
  readonly #release: () => void

  constructor(machine: Machine, id: string, streams: Port, release: () => void) {
    this.#machine = machine
    this.id = id
    this.#streams = streams
    this.#release = release
  }

  /** Runs one of the container's commands and returns its output. */
  async run(command: string): Promise<string> {
    const { printed } = await this.#streams.ask(command, /^done$/, () => this.#machine.log)
    return printed
  }

  /** The same for a program that answers each command with one line. */
  async line(command: string): Promise<string> {
    const { last } = await this.#streams.ask(command, /^/, () => this.#machine.log)
    return last
  }

  async stop(): Promise<void> {
    this.#streams.close()
    await this.#machine.run(`uncontain ${this.id}`)
    this.#release()
  }
}

/** One of the machine's ports, as lines. */
export class Port {
  readonly #socket: Socket
  readonly #lines: Interface

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#lines = createInterface({ input: socket })
  }

  static async open(path: string): Promise<Port> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new Port(socket)
  }

  ask(
    line: string,
    end: RegExp,
    log: () => string,
    timeoutMs = hangMs,
  ): Promise<{ printed: string; last: string }> {
    return new Promise((resolve, reject) => {
      const printed: string[] = []
      const finish = (): void => {
        clearTimeout(timer)
        this.#lines.off('line', take)
      }
      const take = (text: string): void => {
        if (!end.test(text)) {
          printed.push(text)
          return
        }
        finish()
        resolve({ printed: printed.join('\n'), last: text })
      }
      const timer = setTimeout(() => {
        finish()
        reject(new Error(`no answer to \`${line}\`: ${printed.join('\n')}\n${log().slice(-4000)}`))
      }, timeoutMs)
      this.#lines.on('line', take)
      this.#socket.write(`${line}\n`)
    })
  }

  close(): void {
    this.#lines.close()
    this.#socket.destroy()
  }
}
