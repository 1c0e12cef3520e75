import { readFileSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { containerRootfs } from '../../src/agent/pipeline/identity/container-rootfs.ts'
import { DockerEngine } from '../../src/agent/pipeline/identity/docker/docker-engine.ts'
import { EventRefiner } from '../../src/agent/pipeline/identity/event-refiner.ts'
import type { IdentifiedMessage } from '../../src/agent/pipeline/identity/identified.ts'
import { Identifier } from '../../src/agent/pipeline/identity/identifier.ts'
import type { ContainerIdentity } from '../../src/agent/pipeline/identity/identity.ts'
import { ImageFiles } from '../../src/agent/pipeline/identity/image-files.ts'
import { execIn, removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { repetitions } from '../fixtures/repetitions.ts'

const instants = repetitions(40)

// A separate engine, not the lane's shared one: these tests stop it and kill it.
let dockerd: Dockerd
let docker: Docker
let imageId: string
const made: Docker.Container[] = []

beforeAll(async () => {
  dockerd = await startDockerd()
  docker = dockerd.docker
  imageId = await busyboxImage(docker, {
    name: 'bb:1',
    labels: { version: '1' },
    files: { '/etc/gone': 'x', '/srv/app.conf': 'a=1\n' },
    dockerfile: ['RUN rm /etc/gone', 'HEALTHCHECK --interval=1h CMD wget -q localhost', 'USER 101'],
  })
})
afterAll(async () => dockerd?.stop())

let engine: DockerEngine
let stop: AbortController
beforeEach(async () => {
  stop = new AbortController()
  engine = new DockerEngine({ socket: dockerd.socket })
  await engine.start(stop.signal)
})
afterEach(async () => {
  stop.abort()
  for (const container of made.splice(0)) await removeContainer(container)
})

async function start(
  command: readonly string[],
  options: Docker.ContainerCreateOptions = {},
): Promise<Docker.Container> {
  const container = await startContainer(docker, 'bb:1', command, options)
  made.push(container)
  return container
}

/** Awaits an identity from the engine, including one that it reported before. */
function reported(
  test: (identity: ContainerIdentity) => boolean,
  id?: string,
): Promise<ContainerIdentity> {
  return new Promise((resolve) => {
    const unsubscribe = engine.subscribe((identity) => {
      if (test(identity)) {
        unsubscribe()
        resolve(identity)
      }
    })
    const known = id === undefined ? undefined : engine.known(id)
    if (known !== undefined && test(known)) {
      unsubscribe()
      resolve(known)
    }
  })
}

describe('the Docker engine', () => {
  it('reports image, digest, name, labels, health check, user and layers of a container', async () => {
    const container = await start(['sleep', '100'], {
      name: 'web-1',
      Labels: { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' },
      HostConfig: { Init: true, Tmpfs: { '/scratch': '' } },
    })
    const identity = await reported(({ addresses }) => addresses.length > 0, container.id)
    expect(identity).toMatchObject({
      id: container.id,
      name: 'web-1',
      image: { repository: 'bb', tag: '1', digest: imageId },
      imageId,
      labels: { version: '1' },
      workload: { kind: 'ComposeService', namespace: 'shop', name: 'web' },
      entrypoint: ['sleep', '100'],
      probes: [['/bin/sh', '-c', 'wget -q localhost']],
      declaredUser: '101',
      initInjected: true,
    })
    expect(engine.peer(identity.addresses[0] ?? '')).toEqual({
      name: 'web.shop',
      image: 'bb',
      workload: 'web',
    })
    expect(identity.rootfs?.layers.length).toBe(3)
  })

  it('has no workload by labels of the image', async () => {
    const labels = { 'com.docker.compose.service': 'db', 'com.docker.compose.project': 'shop' }
    await busyboxImage(docker, { name: 'forger:1', labels })
    const container = await startContainer(docker, 'forger:1', ['sleep', '100'], {
      name: 'forger-1',
    })
    made.push(container)
    const identity = await reported(({ addresses }) => addresses.length > 0, container.id)
    expect(identity.labels).toMatchObject(labels)
    expect(identity).not.toHaveProperty('workload')
    expect(engine.peer(identity.addresses[0] ?? '')?.name).toBe('forger-1')
  })

  it('reports the same layers by a container’s own processes, while there are any', async () => {
    const container = await start(['sleep', '100'])
    const { rootfs } = await reported(({ id }) => id === container.id, container.id)
    const { State } = await container.inspect()
    const groups = readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8').split('\n')
    const cgroup = groups.find((line) => line.startsWith('0::'))?.slice(3) ?? ''
    expect(cgroup).toContain(container.id)
    expect(containerRootfs(cgroup)).toEqual(rootfs)
    await container.stop({ t: 0 })
    expect(containerRootfs(cgroup)).toBeUndefined()
  })

  it(`identifies each of ${instants} containers that live for an instant before it has ended`, async () => {
    for (let n = 0; n < instants; n++) {
      const { id } = await runContainer(docker, 'bb:1', ['true'])
      expect(engine.known(id)?.image.digest, `container ${n}`).toBe(imageId)
    }
  })

  it('identifies a container from the moment it is created, before it runs', async () => {
    const container = await docker.createContainer({ Image: 'bb:1', Cmd: ['true'] })
    made.push(container)
    expect(await reported(({ id }) => id === container.id, container.id)).toMatchObject({ imageId })
  })

  it('finds the containers that ran before it', async () => {
    const container = await start(['sleep', '100'])
    const second = new DockerEngine({ socket: dockerd.socket })
    await second.start(stop.signal)
    expect(second.known(container.id)?.image.digest).toBe(imageId)
  })

  it('follows a rename', async () => {
    const container = await start(['sleep', '100'], { name: 'before' })
    await container.rename({ name: 'after' })
    expect((await reported(({ name }) => name === 'after', container.id)).id).toBe(container.id)
  })

  it('assigns an address to the container that has it now', async () => {
    const first = await start(['sleep', '100'], { name: 'first' })
    const { addresses } = await reported((each) => each.addresses.length > 0, first.id)
    expect(engine.peer(addresses[0] ?? '')?.name).toBe('first')
    await removeContainer(first)
    const second = await start(['sleep', '100'], { name: 'second' })
    const now = await reported(
      (each) => each.id === second.id && each.addresses.length > 0,
      second.id,
    )
    expect(now.addresses).toEqual(addresses)
    expect(engine.peer(addresses[0] ?? '')?.name).toBe('second')
  })

  it('remembers a removed container, and reports that an unknown id has none', async () => {
    const { id } = await runContainer(docker, 'bb:1', ['true'])
    expect(await engine.lookup(id)).toMatchObject({ id })
    expect(await engine.lookup('0'.repeat(64))).toBe('unknown')
  })

  it('names the image by its id once it was removed under a running container', async () => {
    const id = await busyboxImage(docker, { name: 'short-lived:1' })
    const container = await startContainer(docker, 'short-lived:1', ['sleep', '100'])
    made.push(container)
    await docker.getImage('short-lived:1').remove({ force: true })
    const second = new DockerEngine({ socket: dockerd.socket })
    await second.start(stop.signal)
    expect(second.known(container.id)?.image).toEqual({
      repository: 'short-lived',
      tag: '1',
      digest: id,
    })
  })
})

describe('the image’s own files, on real layers', () => {
  it('honours whiteouts and linked folders, and distinguishes a chmod from a change', async () => {
    const container = await start(
      [
        'sh',
        '-c',
        'chmod 700 /bin/busybox; echo a=2 > /srv/app.conf; echo x > /tmp/new; exec sleep 100',
      ],
      { User: '0' },
    )
    // The shell has done its part once the process is the sleep.
    await ready(container, 'sleep')
    const identity = await reported(() => true, container.id)
    const files = new ImageFiles()
    const now = new Date(Date.now() + 1_000).toISOString()
    expect(files.shipped(identity, '/etc/gone')).toBe(false)
    expect(files.shipped(identity, '/etc/passwd')).toBe(true)
    expect(files.shipped(identity, '/bin/sh')).toBe(true)
    expect(files.shipped(identity, '/tmp/new')).toBe(false)
    expect(files.sameAsImage(identity, '/bin/busybox', now)).toBe(true)
    expect(files.sameAsImage(identity, '/srv/app.conf', now)).toBe(false)
    expect(files.sameAsImage(identity, '/etc/passwd', now)).toBe(true)
    expect(files.sameAsImage(identity, '/tmp/new', now)).toBe(false)
  })

  it('finds the one file that differs between two versions', async () => {
    await busyboxImage(docker, { name: 'bb:2', files: { '/srv/app.conf': 'a=2\n' } })
    const one = await start(['sleep', '100'])
    const two = await startContainer(docker, 'bb:2', ['sleep', '100'])
    made.push(two)
    const [a, b] = [await reported(() => true, one.id), await reported(() => true, two.id)]
    const files = new ImageFiles()
    expect(files.differs(a, b, '/srv/app.conf')).toBe(true)
    expect(files.differs(a, b, '/bin/busybox')).toBe(false)
    expect(files.differs(a, b, '/etc/gone')).toBe(false)
  })

  it('refines the drift of a binary whose owner the entrypoint changed', async () => {
    const container = await start(['sh', '-c', 'chown 101 /bin/busybox; exec sleep 100'], {
      User: '0',
    })
    await ready(container, 'sleep')
    const identity = await reported(() => true, container.id)
    const event: ActEvent = {
      v: 1,
      time: new Date(Date.now() + 1_000).toISOString(),
      node: 'n1',
      source: 'ebpf',
      kind: 'exec',
      container: { id: container.id },
      process: { pid: 1, exe: '/bin/busybox', uid: 0, origin: 'entrypoint', drift: true },
      exec: { path: '/bin/busybox', drift: true, driftKind: 'upper' },
    }
    const refined = new EventRefiner([engine], new ImageFiles()).refine(event, identity)
    expect(refined).toMatchObject({ exec: { drift: false } })
    expect(refined).not.toHaveProperty('process.drift')
  })
})

describe('a Docker engine that stops and comes back', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is degraded after %s, heals, and waiting containers are identified',
    async (signal) => {
      const states: string[] = []
      let changed: () => void = () => undefined
      const own = new DockerEngine({
        socket: dockerd.socket,
        onState: ({ kind }) => {
          // A new reason for the same state is reported too.
          if (states.at(-1) !== kind) states.push(kind)
          changed()
        },
      })
      const reached = async (kind: string) => {
        while (states.at(-1) !== kind) await new Promise<void>((resolve) => (changed = resolve))
      }
      await own.start(stop.signal)
      await dockerd.halt(signal)
      await reached('degraded')
      expect(own.state).toMatchObject({ kind: 'degraded' })

      const released: IdentifiedMessage[] = []
      let settle: () => void = () => undefined
      const identifier = new Identifier({
        engines: [own],
        files: new ImageFiles(),
        node: 'n1',
        release: (batch) => {
          released.push(...batch)
          settle()
        },
      })
      await dockerd.resume()
      const container = await start(['sleep', '100'])
      const resolved = new Promise<void>((resolve) => (settle = resolve))
      const at = new Date().toISOString()
      const out = identifier.push([
        {
          type: 'container-started',
          container: { id: container.id, cgroup: '', time: at, before: false },
        },
      ])
      if (out.length === 0) await resolved
      expect([...out, ...released][0]).toMatchObject({ type: 'container', identity: { imageId } })
      await reached('running')
      expect(states).toEqual(['running', 'degraded', 'running'])
      identifier.close()
    },
  )

  it('is degraded from the start without an engine, and heals once one runs', async () => {
    await dockerd.halt()
    const own = new DockerEngine({ socket: dockerd.socket })
    await own.start(stop.signal)
    expect(own.state).toMatchObject({ kind: 'degraded' })
    // A lookup never waits for an engine that this host may not have …
    expect(await own.lookup('0'.repeat(64))).toBe('unknown')
    // … but for one that was there and went away.
    expect(await engine.lookup('0'.repeat(64))).toBe('unavailable')
    await dockerd.resume()
    const container = await start(['sleep', '100'])
    await new Promise<void>((resolve) => {
      own.subscribe(({ id }) => {
        if (id === container.id) resolve()
      })
      if (own.known(container.id) !== undefined) resolve()
    })
    expect(own.known(container.id)?.imageId).toBe(imageId)
  })
})

/** Ends once the container's first process is `command`. */
async function ready(container: Docker.Container, command: string): Promise<void> {
  const wait = `until grep -q '^${command}$' /proc/1/comm; do sleep 0.02; done`
  expect((await execIn(docker, container, ['sh', '-c', wait])).exitCode).toBe(0)
}
