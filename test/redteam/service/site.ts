import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Docker from 'dockerode'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { ProfileView } from '../../../src/api/profile-views.ts'
import { type Agent, startAgent, uniqueName } from '../../fixtures/agent.ts'
import { startDnsServer } from '../../fixtures/dns-server.ts'
import { busyboxImage } from '../../fixtures/images.ts'
import { learnerConfig, setMode, startLearned } from '../../fixtures/learned-agent.ts'
import { randomOf } from '../../fixtures/name-makers.ts'
import {
  loaderOf,
  Names,
  programOf,
  type Request,
  run,
  scriptOf,
  settingsOf,
  type Target,
  uploads,
  webUser,
} from './attacks.ts'
import { type Arrival, Service } from './service.ts'

/** Attacks that share a container. */
export const SLOTS = 16
/** A prefix of the range for benchmarks of networks (RFC 2544): no other host has these addresses. */
const peersNet = `198.18.${Math.floor(Math.random() * 250)}`
const rounds = 4
const slots = Array.from({ length: SLOTS }, (_, index) => index + 1)

export interface Engine {
  readonly docker: Docker
  readonly socket: string
  readonly hostAddress: string
}

/** A service that an agent has learned, its peers, and the sink of the agent. */
export class Site {
  readonly brought: Target['brought']
  readonly peer: Target['peer']
  readonly #docker: Docker
  readonly #resolver: string
  readonly #image = `${uniqueName('attacked')}:1`
  readonly #network = uniqueName('attacked')
  readonly #folder: string
  readonly #arrivals: readonly Arrival[]
  readonly #records: Alert[] = []
  #sinkSize = 0
  #agent: Agent | undefined
  #foreign = 1

  private constructor(engine: Engine, folder: string, { port, arrivals }: Peers) {
    this.#docker = engine.docker
    this.#resolver = engine.hostAddress
    this.#folder = folder
    this.#arrivals = arrivals
    this.peer = { name: 'service.test', port }
    const evil = ['-static-pie', '-DWORD="evil"']
    this.brought = {
      program: readFileSync(compiled(folder, 'evil-program', evil), 'latin1'),
      loader: readFileSync(compiled(folder, 'evil-loader', [...evil, '-DLOADER']), 'latin1'),
    }
  }

  /** Calls back with it, and leaves nothing afterwards. */
  static async with<T>(engine: Engine, use: (site: Site) => Promise<T>): Promise<T> {
    const folder = mkdtempSync('/tmp/snug-attacked-')
    await using peers = await openPeers()
    await using dns = await startDnsServer(engine.hostAddress)
    const site = new Site(engine, folder, peers)
    dns.places.set(site.peer.name, `${peersNet}.1`)
    const network = await engine.docker.createNetwork({ Name: site.#network })
    try {
      await site.#build()
      await site.#learn(engine.socket)
      return await use(site)
    } finally {
      await site.#agent?.[Symbol.asyncDispose]()
      await network.remove()
      rmSync(folder, { recursive: true })
    }
  }

  start(): Promise<Service> {
    const options = {
      Image: this.#image,
      HostConfig: {
        NetworkMode: this.#network,
        Dns: [this.#resolver],
        // To mount, for an attacker who may.
        CapAdd: ['SYS_ADMIN'],
        SecurityOpt: ['apparmor=unconfined'],
      },
    }
    return Service.start(this.#docker, options, this.#arrivals)
  }

  async block(): Promise<void> {
    if (this.#agent !== undefined) await setMode(this.#agent, this.#image, 'block')
  }

  nextForeign(): string {
    this.#foreign = this.#foreign === 254 ? 2 : this.#foreign + 1
    return `${peersNet}.${this.#foreign}`
  }

  /** What the sink has received about a container. An alert comes again as it grows. */
  records(container: string): readonly Alert[] {
    const added = existsSync(this.#sink)
      ? readFileSync(this.#sink).subarray(this.#sinkSize)
      : Buffer.of()
    const whole = added.subarray(0, added.lastIndexOf('\n') + 1)
    this.#sinkSize += whole.length
    for (const line of whole.toString().split('\n'))
      if (line !== '') this.#records.push(JSON.parse(line) as Alert)
    return this.#records.filter((record) => record.container?.id === container)
  }

  get #sink(): string {
    return join(this.#folder, 'sink.ndjson')
  }

  async #build(): Promise<void> {
    const inSlots = (path: (slot: number) => string, of: (slot: number) => string) =>
      Object.fromEntries(slots.map((slot) => [path(slot), of(slot)]))
    const loader = compiled(this.#folder, 'loader', ['-static-pie', '-DLOADER'])
    const tool = (slot: number): string =>
      compiled(this.#folder, `tool${slot}`, [
        '-pie',
        '-DWORD="ok"',
        `-Wl,--dynamic-linker=${loaderOf(slot)}`,
      ])
    const service = join(this.#folder, 'service')
    execFileSync('gcc', ['-O2', '-static', '-s', '-o', service, source('service.c')])
    await busyboxImage(this.#docker, {
      name: this.#image,
      files: {
        // Longer than what attackers write: a change of the beginning leaves the rest.
        ...inSlots(settingsOf, () => `mode = ordinary\n${'# as shipped\n'.repeat(8)}`),
        ...inSlots(scriptOf, () => '#!/bin/sh\necho ok > $1\n'),
        '/srv/www/index.html': 'hello\n',
        '/var/lib/app/state': 'new\n',
        [`${uploads}/sub/readme.txt`]: 'hello\n',
      },
      programs: {
        '/bin/service': service,
        ...inSlots(loaderOf, () => loader),
        ...inSlots(programOf, tool),
      },
      dockerfile: [
        `RUN ["/bin/chmod", "777", "/srv/www", "${uploads}", "${uploads}/sub", "/var/lib/app"]`,
        'CMD ["/bin/service"]',
      ],
    })
  }

  /** A person ends the window once everything that the service did is in the profile. */
  async #learn(socket: string): Promise<void> {
    this.#agent = await startAgent({ docker: socket, config: learnerConfig })
    for (const [index, last] of ['/etc/motd', '/etc/group'].entries()) {
      await using service = await this.start()
      for (let round = 0; round < rounds; round++) {
        if (round === rounds - 1) await service.restart()
        const requests = ordinary(index * rounds + round, this.peer)
        const answers = await service.do([...requests, [['read', last]]])
        if (answers.some((answer) => !/^(0 )+end$/.test(answer)))
          throw new Error(`ordinary work fails: ${answers.join('\n')}`)
      }
      await this.#agent.until<ProfileView>(['profile', 'show', this.#image], ({ behaviours }) =>
        behaviours.some(({ object, count }) => object === last && count === rounds),
      )
    }
    this.#agent = await startLearned(this.#agent, socket, [this.#image], {
      block: { canary: 1, budget: 1_000_000 },
      // The summary of a storm names none of its alerts.
      sinks: [{ name: 'receiver', type: 'file', path: this.#sink, storms: 'each' }],
    })
  }
}

/** What the service does day by day, as its two users. */
function ordinary(seed: number, peer: Target['peer']): readonly Request[] {
  const names = new Names(randomOf(seed))
  return [
    [
      ...work(names),
      ['put', '/var/lib/app/state', 'kept\n'],
      ['connect', '127.0.0.1', '7000', 'hello'],
      ['call', peer.name, String(peer.port), 'hello'],
    ],
    [['become', String(webUser)], ...work(names)],
  ]
}

function work(names: Names): Request {
  const items = Array.from({ length: 12 }, () => names.item())
  const temporary = Array.from({ length: 6 }, () => names.temporary())
  return [
    ...slots.map((slot) => ['read', settingsOf(slot)] as const),
    ...[...items, ...temporary].flatMap((path) => [
      ['put', path, 'hello\n'] as const,
      ['read', path] as const,
    ]),
    ...[...items.slice(8), ...temporary].map((path) => ['unlink', path] as const),
    ['read', '/srv/www/index.html'],
    ...slots.flatMap((slot) =>
      [scriptOf(slot), programOf(slot)].map((path) => run(path, names.item())),
    ),
    ...['date', 'id', 'uname'].map((code) => run('/bin/sh', '-c', `${code} > /dev/null`)),
  ]
}

function source(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

/** `program.c`, in a file of that name. */
function compiled(folder: string, name: string, args: readonly string[]): string {
  const path = join(folder, name)
  const plain = ['-O2', '-s', '-nostdlib', '-Wl,-z,noseparate-code', '-Wl,--build-id=none']
  execFileSync('gcc', [...plain, ...args, '-o', path, source('program.c')])
  return path
}

interface Peers extends AsyncDisposable {
  readonly port: number
  readonly arrivals: readonly Arrival[]
}

/** One listener at all addresses of the peers' network, which is on this host alone. */
async function openPeers(): Promise<Peers> {
  const arrivals: Arrival[] = []
  const server = createServer((socket) => {
    const from = socket.remoteAddress ?? ''
    socket.on('error', () => undefined)
    socket.on('data', (data) => arrivals.push({ from, text: data.toString() }))
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const route = ['local', `${peersNet}.0/24`, 'dev', 'lo']
  execFileSync('ip', ['route', 'add', ...route])
  return {
    port: (server.address() as AddressInfo).port,
    arrivals,
    [Symbol.asyncDispose]: async () => {
      server.close()
      execFileSync('ip', ['route', 'del', ...route])
    },
  }
}
