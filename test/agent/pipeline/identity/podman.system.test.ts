import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerIdentity } from '../../../../src/agent/pipeline/identity/identity.ts'
import {
  PodmanEngine,
  type PodmanEngineOptions,
} from '../../../../src/agent/pipeline/identity/docker/podman-engine.ts'
import { ScriptedEngine } from '../../../fixtures/identity-fixtures.ts'
import { startContainer } from '../../../fixtures/containers.ts'
import { importBusybox, startPodman } from '../../../fixtures/podman.ts'

/** A user that no host has. The socket's owner decides how far an engine is believed. */
const user = 61_234
const id = (digit: string): string => digit.repeat(64)

/** Each container has an image of its own. */
const imageId = (container: string): string => `sha256:${container}`

/** What the owner of a socket answers there: an engine with these containers. */
class Answers {
  readonly #server: Server
  readonly #path: string
  readonly made: Record<string, { image: string; ip?: string }> = {}
  /** How often past events were read. */
  asked = 0

  constructor(path: string, containers: Readonly<Record<string, { image: string; ip?: string }>>) {
    this.#path = path
    this.#server = createServer((request, response) => {
      const [, kind = '', name = ''] =
        /^(?:\/v[\d.]+)?\/(events|_ping|containers|images)(?:\/(.*?))?(?:\/json)?(?:\?.*)?$/.exec(
          request.url ?? '',
        ) ?? []
      const found = containers[name]
      response.setHeader('content-type', 'application/json')
      const asked = new URL(request.url ?? '', 'http://podman').searchParams
      const made = /[0-9a-f]{64}/.exec(asked.get('filters') ?? '')?.[0] ?? ''
      if (kind === 'events' && asked.has('until')) {
        this.asked += 1
        const image = this.made[made]?.image
        const Actor = { ID: made, Attributes: { image } }
        const lines = image === undefined ? '' : JSON.stringify({ Type: 'container', Actor })
        response.end(`${lines}\n`)
      } else if (kind === 'events') {
        // The head is the first answer; the stream has no end.
        response.flushHeaders()
      } else if (kind === 'containers' && name === 'json') {
        response.end(JSON.stringify(Object.keys(containers).map((Id) => ({ Id }))))
      } else if (kind === 'containers' && found !== undefined) {
        const Networks = { podman: { IPAddress: found.ip ?? '' } }
        response.end(
          JSON.stringify({
            Id: name,
            Name: `/${found.image}`,
            Image: imageId(name),
            Config: { Image: found.image },
            State: { Running: true },
            NetworkSettings: { Networks },
          }),
        )
      } else if (kind === 'images') {
        const image = containers[name.replace('sha256:', '')]?.image ?? this.made[id('e')]?.image
        const RepoDigests = [`${image}@sha256:${id('d')}`]
        response.end(JSON.stringify({ Id: name, RepoDigests }))
      } else if (kind === '_ping') {
        response.end('OK')
      } else {
        response.writeHead(404).end('{}')
      }
    })
  }

  async listen(uid: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#path, resolve))
    chownSync(this.#path, uid, uid)
  }

  async end(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

let folder: string
let stop: AbortController
const servers: Answers[] = []

beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-podman-sockets-')
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  for (const server of servers.splice(0)) await server.end()
  rmSync(folder, { recursive: true, force: true })
})

async function serve(
  name: string,
  uid: number,
  containers: ConstructorParameters<typeof Answers>[1],
): Promise<{ readonly socket: string; readonly server: Answers }> {
  const socket = join(folder, name)
  const server = new Answers(socket, containers)
  servers.push(server)
  await server.listen(uid)
  return { socket, server }
}

async function follow(options: Omit<PodmanEngineOptions, 'lookMs'>) {
  const engine = new PodmanEngine({ lookMs: 20, ...options })
  const reported: ContainerIdentity[] = []
  engine.subscribe((identity) => reported.push(identity))
  await engine.start(stop.signal)
  const names = (): readonly string[] =>
    reported.map((each) => `${each.id[0]} ${each.image.repository}`)
  return { engine, names }
}

describe('the Podman of a user', () => {
  it('names no container that another engine or root’s Podman has', async () => {
    const docker = new ScriptedEngine()
    const own = await serve('root.sock', 0, { [id('b')]: { image: 'theirs' } })
    const foreign = await serve('user.sock', user, {
      [id('a')]: { image: 'forged' },
      [id('b')]: { image: 'forged' },
      [id('c')]: { image: 'mine' },
    })
    docker.atOnce.add(id('a'))
    docker.containers.set(id('a'), { id: id('a') } as ContainerIdentity)
    const { engine, names } = await follow({
      sockets: [own.socket, foreign.socket],
      before: [docker],
    })
    expect(new Set(names())).toEqual(new Set(['b theirs', 'c mine']))
    expect(engine.known(id('b'))?.image.repository).toBe('theirs')
    expect(await engine.lookup(id('b'))).toMatchObject({ image: { repository: 'theirs' } })
    expect(await engine.lookup(id('c'))).toMatchObject({ image: { repository: 'mine' } })
  })

  it('reports a container that it made, and that root’s has not, when it is asked', async () => {
    const own = await serve('root.sock', 0, {})
    const foreign = await serve('user.sock', user, {})
    const { engine } = await follow({ sockets: [own.socket, foreign.socket] })
    const pending: string[] = []
    engine.subscribePending((each) => pending.push(`${each.id[0]} ${each.image.repository}`))
    foreign.server.made[id('e')] = { image: 'mine' }
    for (const each of [id('e'), id('e'), id('f')]) engine.findCreated(each)
    await expect.poll(() => pending).toEqual(['e mine'])
    engine.findCreated(id('e'))
    await expect.poll(() => foreign.server.asked).toBe(2)
    expect(pending).toEqual(['e mine'])
  })

  it('names no peers, and root’s does', async () => {
    const own = await serve('root.sock', 0, { [id('b')]: { image: 'db', ip: '10.88.0.2' } })
    const foreign = await serve('user.sock', user, {
      [id('c')]: { image: 'forged', ip: '10.88.0.3' },
    })
    const { engine } = await follow({ sockets: [foreign.socket, own.socket] })
    expect([...engine.addresses()]).toEqual(['10.88.0.2'])
    expect(engine.peer('10.88.0.2')).toMatchObject({ image: 'db' })
    expect(engine.peer('10.88.0.3')).toBeUndefined()
  })

  it('is found when its socket comes, and is no fault when it goes', async () => {
    const { engine, names } = await follow({ sockets: [`${folder}/*/podman.sock`] })
    expect(engine.state).toEqual({ kind: 'absent' })
    expect(await engine.lookup(id('c'))).toBe('unknown')
    mkdirSync(join(folder, '1000'))
    const { server } = await serve('1000/podman.sock', user, { [id('c')]: { image: 'mine' } })
    await expect.poll(names).toEqual(['c mine'])
    await expect.poll(() => engine.state).toEqual({ kind: 'running' })
    await server.end()
    servers.splice(0)
    await expect.poll(() => engine.state).toEqual({ kind: 'absent' })
  })
})

describe('Podman', () => {
  it('is degraded where root’s socket is gone', async () => {
    const { socket, server } = await serve('root.sock', 0, {})
    const { engine } = await follow({ sockets: [socket] })
    expect(engine.state).toEqual({ kind: 'running' })
    await server.end()
    servers.splice(0)
    await expect.poll(() => engine.state.kind).toBe('degraded')
  })

  it('is not followed twice where Docker’s socket is a link to it', async () => {
    const { socket } = await serve('root.sock', 0, { [id('b')]: { image: 'theirs' } })
    const link = join(folder, 'docker.sock')
    symlinkSync(socket, link)
    const { engine } = await follow({ sockets: [socket], except: link })
    expect(engine.sockets).toEqual([])
    expect(engine.state).toEqual({ kind: 'absent' })
  })

  it('gives an image of this host its id as digest, and not that of a registry', async () => {
    const { socket } = await serve('root.sock', 0, {
      [id('b')]: { image: 'localhost/shop' },
      [id('c')]: { image: 'quay.example/shop' },
    })
    const { engine } = await follow({ sockets: [socket] })
    expect(engine.known(id('b'))?.image.digest).toBe(imageId(id('b')))
    expect(engine.known(id('c'))?.image.digest).toBe(`sha256:${id('d')}`)
  })
})

describe('a container of Podman', () => {
  it('has the runtime that ran it, and the program that this stands for', async () => {
    const runtime = join(folder, 'runsc')
    writeFileSync(runtime, '#!/bin/sh\nexec crun "$@"\n', { mode: 0o755 })
    const podman = await startPodman('rootful', { runtime })
    try {
      const image = 'localhost/sandboxed:1'
      await importBusybox(podman.docker, image)
      const { id: container } = await startContainer(
        podman.docker,
        image,
        ['/bin/sleep', '600'],
        podman.options,
      )
      const { engine } = await follow({ sockets: [podman.socket] })
      expect(engine.known(container)).toMatchObject({
        runtime: ['runsc', runtime, runtime],
        runsSince: expect.stringMatching(/^\d{4}-/),
      })
    } finally {
      stop.abort()
      await podman.stop()
    }
  })
})
