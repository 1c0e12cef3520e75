import { createServer, type Socket } from 'node:net'
import { listenUnix } from '../../../../support/net/unix-listener.ts'
import { type Door, type TakePeer, mostPeers } from './door.ts'
import type { UnixAddress } from './listen-address.ts'

/** Lines on a unix socket; each connection is one stream. */
export class UnixDoor implements Door {
  readonly #address: UnixAddress
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer()
  #accepted = 0
  #refused = 0

  constructor(address: UnixAddress, take: TakePeer) {
    this.#address = address
    this.#server.maxConnections = mostPeers
    this.#server.on('drop', () => (this.#refused += 1))
    this.#server.on('connection', (socket) => {
      this.#accepted += 1
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      void take(`peer ${this.#accepted}`, socket).then(() => socket.destroy())
    })
  }

  get counts(): Door['counts'] {
    return { open: this.#sockets.size, accepted: this.#accepted, refused: this.#refused }
  }

  get place(): string {
    return this.#address.path
  }

  open(): Promise<void> {
    return listenUnix(this.#server, this.#address.path, this.#address.mode)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
