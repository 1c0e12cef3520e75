import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createWeb } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import type { Dockerd } from '../fixtures/dockerd.ts'

/** The peers outside all services: a web server for proxies, a collector and the machine of an attacker. */
export interface Outside extends AsyncDisposable {
  /** `ADDRESS:PORT` */
  readonly origin: string
  /** `ADDRESS PORT`, as its file has it. */
  readonly collector: string
  readonly attacker: { readonly address: string; readonly port: number }
  /** How many connections and datagrams came to the attacker. */
  readonly received: () => number
}

export interface World extends Outside {
  readonly engine: Dockerd
}

export async function openWorld(engine: Dockerd): Promise<World> {
  return { engine, ...(await openOutside(engine.hostAddress)) }
}

/** At an address of this machine that the services reach. */
export async function openOutside(address: string): Promise<Outside> {
  let received = 0
  const web = createWeb((request, response) => {
    response.setHeader('cache-control', 'max-age=600')
    response.end(`${request.url} `.repeat(500))
  }).listen(0, address)
  const collector = createServer((socket) => socket.on('error', () => undefined).end())
  collector.listen(0, address)
  const attacker = createServer((socket) => {
    received++
    // Ends a reverse shell.
    socket.on('error', () => undefined).end('exit\n')
  }).listen(0, address)
  await Promise.all([web, collector, attacker].map((server) => once(server, 'listening')))
  const { port } = attacker.address() as AddressInfo
  const datagrams = createSocket('udp4', () => received++).bind(port, address)
  await once(datagrams, 'listening')
  return {
    origin: `${address}:${(web.address() as AddressInfo).port}`,
    collector: `${address} ${(collector.address() as AddressInfo).port}`,
    attacker: { address, port },
    received: () => received,
    [Symbol.asyncDispose]: async () => {
      datagrams.close()
      for (const server of [web, collector, attacker]) server.close()
    },
  }
}
