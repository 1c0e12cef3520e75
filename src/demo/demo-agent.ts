import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Alert } from '../core/event/alert.ts'
import { packagePath } from '../support/package-folder.ts'
import type { StatusView } from '../api/status-views.ts'

export const cliPath = packagePath('dist/interfaces/cli/main.js')

export interface DemoAgentOptions {
  /** The file of its log. */
  readonly folder: string
  readonly socket: string
  /** Further arguments of `snug agent`. */
  readonly args: readonly string[]
  /** Standard input is a pipe: the recorded story comes through it. */
  readonly piped: boolean
}

/** The daemon and command line that a user runs, as child processes. */
export class DemoAgent {
  readonly socket: string
  readonly #log: string
  readonly #child: ChildProcess
  readonly #tails: ChildProcess[] = []

  constructor({ folder, socket, args, piped }: DemoAgentOptions) {
    this.socket = socket
    this.#log = join(folder, 'agent.log')
    const log = openSync(this.#log, 'a')
    // Nothing of the story stays in the kernel.
    const own = ['--socket', socket, '--kernel-state', 'none']
    this.#child = spawn(process.execPath, [cliPath, 'agent', ...args, ...own], {
      stdio: [piped ? 'pipe' : 'ignore', log, log],
      // Ctrl-C reaches the whole group: the story ends its agent itself, when it has cleaned up.
      detached: true,
    })
    this.#child.stdin?.on('error', () => undefined)
    closeSync(log)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async ready(): Promise<StatusView> {
    for (let tries = 0; tries < 100 && this.running; tries++) {
      const status = await this.ask<StatusView>(['status'])
      // Not before its source runs: the sensor does not see the start of containers that start earlier.
      const starting = status?.sources.some(({ state }) => state === 'starting') ?? true
      if (status !== undefined && status.state !== 'starting' && !starting) return status
      await delay(100)
    }
    throw new Error(`the agent did not start:\n${this.lastOutput()}`)
  }

  lastOutput(): string {
    return readFileSync(this.#log, 'utf8').slice(-3000)
  }

  /** Gives lines to an agent that reads its events from standard input. */
  feed(lines: readonly string[]): void {
    if (lines.length > 0) this.#child.stdin?.write(`${lines.join('\n')}\n`)
  }

  /** The answer of a command, or nothing where it fails. */
  async ask<T>(args: readonly string[]): Promise<T | undefined> {
    const { stdout } = await this.#run([...args, '-o', 'json'])
    return stdout === '' ? undefined : (JSON.parse(stdout) as T)
  }

  followAlerts(listener: (alert: Alert) => void): void {
    const child = spawn(
      process.execPath,
      [cliPath, 'alert', 'tail', '-o', 'ndjson', '--socket', this.socket],
      { stdio: ['ignore', 'pipe', 'ignore'], detached: true },
    )
    this.#tails.push(child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      listener(JSON.parse(line) as Alert)
    })
  }

  /** Records every event to a file; returns a function that ends the recording. */
  async record(file: string): Promise<() => Promise<void>> {
    const child = spawn(
      process.execPath,
      [cliPath, 'event', 'record', file, '--socket', this.socket],
      { stdio: 'ignore', detached: true },
    )
    this.#tails.push(child)
    await delay(1_000)
    return () => end(child, 'SIGINT')
  }

  /** Resolves when the agent ends without a request. */
  async ended(): Promise<void> {
    if (this.running) await once(this.#child, 'exit')
  }

  async stop(): Promise<void> {
    for (const child of [...this.#tails, this.#child]) await end(child)
  }

  async #run(args: readonly string[]): Promise<{ code: number; stdout: string }> {
    const child = spawn(process.execPath, [cliPath, ...args, '--socket', this.socket], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? 128, stdout }
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  const inTime = await Promise.race([gone.then(() => true), delay(10_000, false, { ref: false })])
  if (inTime) return
  child.kill('SIGKILL')
  await gone
}
