import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { execIn, startContainer } from '../fixtures/containers.ts'
import { importBusybox, type Podman, startPodman } from '../fixtures/podman.ts'
import { Recorder } from './recorder.ts'

/** Root of the container, which is another user on the host, becomes user 101 for each greeting. */
const service = ['/bin/sh', '-c', 'while true; do su web -c "cat /etc/motd"; sleep 0.2; done']
const image = 'localhost/snug-user-namespace:1'
let podman: Podman
let early: Recorder
let container: Docker.Container

beforeAll(async () => {
  podman = await startPodman('rootless')
  // Only the session reads it.
  await importBusybox(podman.docker, image, { files: { '/etc/visited': 'here\n' } })
  early = new Recorder()
  await early.running()
  container = await startContainer(podman.docker, image, service, podman.options)
})
afterAll(async () => {
  await early.stop()
  await podman.stop()
})

const reads = (recorder: Recorder): readonly ActEvent[] =>
  recorder
    .acts(container.id)
    .filter((event) => event.kind === 'file' && event.file.path === '/etc/motd')

const idsOf = (events: readonly ActEvent[]): readonly string[] => [
  ...new Set(events.map(({ process: { uid, gid } }) => `${uid}:${gid}`)),
]

describe('a container in a user namespace', () => {
  it('acts as the users and groups that it has itself', async () => {
    const { id } = container
    await early.until(() => reads(early).length > 0, 'a read')
    expect(idsOf(reads(early))).toEqual(['101:101'])
    const entry = early.acts(id).find((event) => event.kind === 'exec')
    expect(entry?.process).toMatchObject({ uid: 0, gid: 0, origin: 'entrypoint' })
    const changes = early.acts(id).flatMap((e) => (e.kind === 'identity' ? [e.identity] : []))
    const numbers = changes.flatMap(({ from, to }) => [from.uid, from.gid, to.uid, to.gid])
    expect(new Set(numbers)).toEqual(new Set([0, 101]))
  })

  it('does so in a session that enters it', async () => {
    const session = await execIn(podman.docker, container, ['/bin/cat', '/etc/visited'], {
      User: 'web',
    })
    expect(session.exitCode).toBe(0)
    const opened = (path: string) =>
      early.acts(container.id).find((event) => event.kind === 'file' && event.file.path === path)
    await early.until(() => opened('/etc/visited') !== undefined, 'the read of the session')
    expect(opened('/etc/visited')?.process).toMatchObject({ uid: 101, origin: 'exec-in' })
  })

  it('is known by them where it is older than the sensor', async () => {
    const late = new Recorder()
    try {
      await late.running()
      await late.until(() => reads(late).length > 0, 'a read')
      expect(idsOf(reads(late))).toEqual(['101:101'])
      const ids = late.acts(container.id).map(({ process: { uid } }) => uid)
      expect(new Set(ids)).toEqual(new Set([0, 101]))
      expect(late.acts(container.id).some(({ kind }) => kind === 'identity')).toBe(true)
    } finally {
      await late.stop()
    }
  })
})
