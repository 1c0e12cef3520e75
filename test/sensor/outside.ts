import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { NetworkBeside } from '../fixtures/network-beside.ts'
import type { Acts } from './acts.ts'

/** Prints the first bytes of each connection to one of its ports, in hex, and nothing else. */
const server = `
const { createServer } = require('node:net')
for (const port of [443, 8443]) {
  createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => console.log(bytes.toString('hex')))
  }).listen(port, '${NetworkBeside.address}', () => console.log('listens'))
}`

/** A server at `Outside.address` that a container reaches. */
export class Outside implements AsyncDisposable {
  static readonly address = NetworkBeside.address
  readonly #network: NetworkBeside
  /** The first bytes of each connection, in hex. */
  readonly received: string[] = []

  private constructor(acts: Acts) {
    this.#network = new NetworkBeside(Number(acts.pid))
    const { stdout } = this.#network.spawn(process.execPath, '-e', server)
    createInterface({ input: stdout }).on('line', (line) => this.received.push(line))
  }

  static async beside(acts: Acts): Promise<Outside> {
    const outside = new Outside(acts)
    await expect.poll(() => outside.received.length).toBe(2)
    outside.received.length = 0
    return outside
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#network[Symbol.asyncDispose]()
  }
}
