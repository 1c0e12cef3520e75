import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import type { Acts } from './acts.ts'

/** Prints the first bytes of each connection to one of its ports, in hex, and nothing else. */
const server = `
const { createServer } = require('node:net')
for (const port of [443, 8443]) {
  createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => console.log(bytes.toString('hex')))
  }).listen(port, '198.51.100.1', () => console.log('listens'))
}`

/** A network that a container reaches, with a server at `Outside.address` in it: nothing of it leaves this machine. */
export class Outside implements AsyncDisposable {
  static readonly address = '198.51.100.1'
  readonly #name: string
  readonly #server: ChildProcess
  /** The first bytes of each connection, in hex. */
  readonly received: string[] = []

  private constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#server = child
    if (child.stdout === null) throw new Error('a server without output')
    createInterface({ input: child.stdout }).on('line', (line) => this.received.push(line))
  }

  static async beside(acts: Acts): Promise<Outside> {
    const name = `snug-${randomBytes(4).toString('hex')}`
    const { pid } = acts
    const ip = (...words: string[]): unknown => execFileSync('ip', words)
    const inside = (...words: string[]): unknown =>
      execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...words])
    ip('netns', 'add', name)
    ip('link', 'add', 'out', 'netns', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid)
    ip('-n', name, 'addr', 'add', `${Outside.address}/24`, 'dev', 'out')
    ip('-n', name, 'link', 'set', 'out', 'up')
    inside('addr', 'add', '198.51.100.2/24', 'dev', 'eth0')
    inside('link', 'set', 'eth0', 'up')
    const child = spawn('ip', ['netns', 'exec', name, process.execPath, '-e', server], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const outside = new Outside(name, child)
    await expect.poll(() => outside.received.length).toBe(2)
    outside.received.length = 0
    return outside
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#server.once('close', resolve))
    this.#server.kill()
    await ended
    execFileSync('ip', ['netns', 'del', this.#name])
  }
}
