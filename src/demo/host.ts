import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection } from 'node:net'
import { join, delimiter } from 'node:path'
import { packagePath } from '../support/package-folder.ts'

/** What this machine offers to `make run`. */
export interface Host {
  readonly root: boolean
  readonly btf: boolean
  readonly sensor: boolean
  /** Path of a static busybox. */
  readonly busybox: string | undefined
  /** Socket of a container engine that answers. */
  readonly engine: string | undefined
}

export async function lookAtHost(): Promise<Host> {
  const docker = process.env['SNUG_ENGINES_DOCKER_SOCKET'] ?? '/var/run/docker.sock'
  return {
    root: process.getuid?.() === 0,
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    sensor: existsSync(packagePath('agent/snug-sensor')),
    busybox: staticBusybox(),
    engine: await engineOf([docker, '/run/podman/podman.sock']),
  }
}

/** Why the sensor cannot be used here, or nothing. */
export function withoutSensor({ root, btf, sensor, busybox }: Host): string | undefined {
  if (!root) return 'the demo does not run as root: the kernel refuses the sensor'
  if (!btf) return 'this kernel has no BTF (/sys/kernel/btf/vmlinux): the sensor cannot run'
  if (!sensor) return 'the sensor is not built: see above for the missing tools'
  if (busybox === undefined)
    return 'a static busybox is missing: install the package busybox-static'
  return undefined
}

/** The first port of `count` from `first` on at which nothing listens; undefined where there is none. */
export async function freePort(first: number, count: number): Promise<number | undefined> {
  for (let port = first; port < first + count; port++) if (await portIsFree(port)) return port
  return undefined
}

async function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })
}

function staticBusybox(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'busybox'))
    .find((path) => existsSync(path) && isStatic(path))
}

/** A dynamic program names its loader in its head. */
function isStatic(path: string): boolean {
  return !readFileSync(path).subarray(0, 4096).includes('/ld-linux')
}

async function engineOf(sockets: readonly string[]): Promise<string | undefined> {
  for (const socket of sockets) if (await answers(socket)) return socket
  return undefined
}

async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return false
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    ping.once('error', () => resolve(false))
    ping.once('timeout', () => ping.destroy(new Error('no answer')))
    ping.end()
  })
}
