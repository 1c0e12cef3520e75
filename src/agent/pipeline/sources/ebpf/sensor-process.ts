import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { SnugError } from '../../../../errors.ts'
import { packagePath } from '../../../../support/package-folder.ts'

/** The sensor that was built with this package; one from npm has a sensor for each machine. */
export const builtSensor = [`agent/snug-sensor-${process.arch}`, 'agent/snug-sensor']
  .map((path) => packagePath(path))
  .reduce((first, other) => (existsSync(first) ? first : other))

/**
 * Removes the state pinned in `folder`: this detaches all programs and deletes all state. Resolves
 * with the sensor's output, also if there was nothing to remove.
 *
 * Errors: `DETACH_REFUSED` while a sensor uses the folder, or if it is no bpffs;
 * `SENSOR_UNAVAILABLE`.
 */
export async function detachKernelState(folder: string, sensor = builtSensor): Promise<string> {
  const run = new SensorProcess({
    path: sensor,
    args: ['--detach', '--pin', folder],
    log: () => undefined,
  })
  // Not `stop`: after a kill of its daemon, the earlier sensor may need a moment to exit.
  run.output.resume()
  const { how, lastOutput } = await run.exited
  if (how === 'exit 0') return lastOutput ?? 'detached'
  if (!how.startsWith('exit')) throw new SnugError('SENSOR_UNAVAILABLE', how)
  throw new SnugError('DETACH_REFUSED', lastOutput ?? how)
}

export interface SensorProcessOptions {
  readonly path: string
  readonly args: readonly string[]
  /** Receives each line that the sensor logs. */
  readonly log: (line: string) => void
}

export interface SensorExit {
  /** Text: `exit 1`, `SIGKILL`, or why it could not start. */
  readonly how: string
  /** The last line that it logged, if any. */
  readonly lastOutput?: string
}

const stopDeadlineMs = 1500

/**
 * One run of the sensor. The end of its input is the command to stop. So it also exits, and
 * releases everything that is not pinned, when the daemon is killed.
 */
export class SensorProcess {
  readonly exited: Promise<SensorExit>
  readonly output: Readable
  readonly #child: ChildProcess
  readonly #input: Writable
  #ended = false

  constructor({ path, args, log }: SensorProcessOptions) {
    const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.output = child.stdout
    this.#input = child.stdin
    // Nobody reads data that is written while the sensor exits. The exit itself is reported
    // separately.
    child.stdin.on('error', () => undefined)
    let lastOutput: string | undefined
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastOutput = line
      log(line)
    })
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#ended = true
        resolve({ how, ...(lastOutput !== undefined && { lastOutput }) })
      }
      child.once('error', (error) => end(error.message))
      child.once('close', (code, signal) => end(signal ?? `exit ${String(code)}`))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(command: Buffer): void {
    if (!this.#ended && this.#input.writable) this.#input.write(command)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async stop(): Promise<SensorExit> {
    this.#input.end()
    this.output.resume()
    const timer = setTimeout(() => this.kill(), stopDeadlineMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }
}
