import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cliPath } from '../fixtures/agent.ts'
import { closedPort } from '../fixtures/held-ports.ts'

/** One line of the webhook's log about a pod. */
export interface Decided {
  readonly pod: string
  readonly verdict: string
  readonly ms: number
}

/** `snug admit` as a separate process, on a port that stays the same when it is started again. */
export class WebhookProcess {
  readonly port: number
  readonly #folder: string
  readonly #log: string
  #child: ChildProcess | undefined

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#log = join(folder, 'admit.log')
    this.port = port
  }

  static async at(folder: string): Promise<WebhookProcess> {
    return new WebhookProcess(folder, await closedPort())
  }

  /** Resolves once it listens. `variables` are those of its pod. */
  async start(config: object, variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const file = join(this.#folder, 'admission.yaml')
    writeFileSync(file, JSON.stringify({ ...config, listen: `127.0.0.1:${this.port}` }))
    const out = openSync(this.#log, 'w')
    const args = [cliPath, 'admit', '--config', file]
    const env = { ...process.env, ...variables }
    const child = spawn(process.execPath, args, { stdio: ['ignore', out, out], env })
    closeSync(out)
    this.#child = child
    while (!this.reports('the webhook serves')) {
      if (child.exitCode !== null) throw new Error(`it ended:\n${readFileSync(this.#log, 'utf8')}`)
      await delay(50)
    }
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name)
  }

  /** Gives its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
    return child.exitCode
  }

  /** How often the process has logged this message since its start. */
  count(message: string): number {
    return this.#lines().filter(({ msg }) => msg === message).length
  }

  reports(message: string): boolean {
    return this.count(message) > 0
  }

  /** How often it asked a registry about an image. */
  async looks(): Promise<number> {
    const url = `https://127.0.0.1:${this.port}/metrics`
    const { stdout } = await promisify(execFile)('curl', ['-sfk', url])
    const counts = [...stdout.matchAll(/^snug_admit_looks_total{.*} (\d+)$/gm)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  decided(): readonly Decided[] {
    return this.#lines().filter(({ msg }) => msg === 'decided on a pod') as unknown as Decided[]
  }

  #lines(): readonly Record<string, unknown>[] {
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}
