import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execIn, removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { startDockerd } from '../fixtures/dockerd.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { Recorder } from './recorder.ts'

let recorder: Recorder
const image = 'snug-sensor-docker:1'

beforeAll(async () => {
  await busyboxImage(sharedEngine().docker, { name: image })
  recorder = new Recorder()
  await recorder.running()
})
afterAll(async () => {
  await recorder.stop()
})

describe('containers of an engine in a separate mount namespace', () => {
  it('begin with their own program too, and so does an exec into them', async () => {
    const engine = await startDockerd({ ownMounts: true })
    try {
      const { docker } = engine
      await busyboxImage(docker, { name: image })
      // Where the runtime's steps end up in the container's cgroup is a race within the runtime.
      const ids: string[] = []
      for (let i = 0; i < 20; i++) {
        const container = await startContainer(docker, image, ['/bin/sleep', '600'])
        ids.push(container.id)
        await execIn(docker, container, ['/bin/true'])
        await removeContainer(container)
      }
      const reported = (id: string): readonly string[] =>
        recorder
          .acts(id)
          .map(({ kind, process }) => `${kind} ${process.exe} ${process.args?.join(' ') ?? ''}`)
      const last = ids.at(-1) ?? ''
      await recorder.until(
        () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === last),
        'its end',
      )
      for (const id of ids) {
        expect(new Set(reported(id))).toEqual(
          new Set(['exec /bin/busybox /bin/sleep 600', 'exec /bin/busybox /bin/true']),
        )
      }
    } finally {
      await engine.stop()
    }
  })
})

describe('containers of Docker', () => {
  it('begin with their own program: the steps of the runtime are not their events', async () => {
    const { id } = await runContainer(sharedEngine().docker, image, ['/bin/true'])
    await recorder.until(
      () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === id),
      'its end',
    )
    const execs = recorder.acts(id).filter((event) => event.kind === 'exec')
    expect(execs).toMatchObject([
      {
        exec: { path: '/bin/busybox', drift: false },
        process: { args: ['/bin/true'], origin: 'entrypoint', uid: 0 },
      },
    ])
    expect(recorder.acts(id)[0]).toBe(execs[0])
  })

  it('share processes, and a file of another container is no file of the same path', async () => {
    const { docker } = sharedEngine()
    const other = await startContainer(docker, image, ['/bin/sleep', '600'])
    const container = await startContainer(docker, image, ['/bin/sleep', '600'], {
      HostConfig: { PidMode: `container:${other.id}` },
    })
    try {
      await execIn(docker, container, ['/bin/cat', '/etc/passwd'])
      await execIn(docker, container, ['/bin/cat', '/proc/1/root/etc/passwd'])
      const files = () =>
        recorder
          .acts(container.id)
          .flatMap((event) => (event.kind === 'file' ? [event.file] : []))
          .filter(({ path }) => path.endsWith('/etc/passwd'))
      await recorder.until(() => files().length > 1, 'the second read')
      expect(files()).toMatchObject([{ path: '/etc/passwd' }, { path: '…/etc/passwd', cut: true }])
    } finally {
      await removeContainer(container)
      await removeContainer(other)
    }
  })

  it('keep an exec into them apart, each session under its own name', async () => {
    const { docker } = sharedEngine()
    const container = await startContainer(docker, image, ['/bin/sleep', '600'])
    try {
      await execIn(docker, container, ['/bin/sh', '-c', '/bin/cat /etc/motd; :'])
      await execIn(docker, container, ['/bin/cat', '/etc/passwd'])
      const reads = (): string[] =>
        recorder
          .acts(container.id)
          .flatMap((event) => (event.kind === 'file' ? [event.file.path] : []))
      await recorder.until(() => reads().includes('/etc/passwd'), 'the second read')
      const acts = recorder.acts(container.id)
      const first = acts.find((e) => e.kind === 'file' && e.file.path === '/etc/motd')
      const second = acts.find((e) => e.kind === 'file' && e.file.path === '/etc/passwd')
      expect(acts[0]?.process).toMatchObject({ origin: 'entrypoint' })
      expect(acts[0]?.process.session).toBeUndefined()
      expect(first?.process).toMatchObject({ origin: 'exec-in', parent: '/bin/busybox' })
      expect(second?.process).toMatchObject({ origin: 'exec-in' })
      expect(first?.process.session).toMatch(/^[0-9a-f]{16}$/)
      expect(second?.process.session).not.toBe(first?.process.session)
    } finally {
      await removeContainer(container)
    }
  })
})

describe('a container whose root is no overlay', () => {
  it('runs scripts of a volume on the same file system, as on another one', async () => {
    const volume = mkdtempSync('/var/tmp/snug-volume-')
    writeFileSync(join(volume, 'job.sh'), '#!/bin/sh\n:\n', { mode: 0o755 })
    const engine = await startDockerd({ args: ['--storage-driver=vfs'] })
    try {
      await busyboxImage(engine.docker, { name: image })
      const container = await startContainer(engine.docker, image, ['/bin/sleep', '600'], {
        HostConfig: { Binds: [`${volume}:/volume`] },
      })
      await execIn(engine.docker, container, ['/bin/sh', '-c', '/volume/job.sh; :'])
      const scripts = (): readonly unknown[] =>
        recorder
          .acts(container.id)
          .flatMap((event) => (event.kind === 'exec' && event.exec.script ? [event.exec] : []))
      await recorder.until(() => scripts().length > 0, 'the script')
      expect(scripts()).toEqual([{ path: '/bin/busybox', script: '/volume/job.sh', drift: false }])
      await removeContainer(container)
    } finally {
      await engine.stop()
      rmSync(volume, { recursive: true })
    }
  })
})

describe('a container that is started again', () => {
  const changeable = 'snug-sensor-restarts:1'
  const lines = ['RUN mkdir /app && cp /bin/busybox /app/tool && cp /bin/busybox /app/own']
  const again = { HostConfig: { RestartPolicy: { Name: 'always' } } }

  beforeAll(() => busyboxImage(sharedEngine().docker, { name: changeable, dockerfile: lines }))

  /** Whether `/app/tool` and `/app/own` are drift as they run now. */
  async function runsOf(container: Docker.Container): Promise<readonly unknown[]> {
    const { docker } = sharedEngine()
    const execs = (): readonly unknown[] =>
      recorder.acts(container.id).flatMap((event) => {
        if (event.kind !== 'exec' || !event.exec.path.startsWith('/app/')) return []
        const { file: _, ...exec } = event.exec
        return [exec]
      })
    const before = execs().length
    for (const name of ['tool', 'own']) await execIn(docker, container, [`/app/${name}`, 'true'])
    await recorder.until(() => execs().length >= before + 2, 'both runs')
    return execs().slice(before)
  }

  const script = 'trap "exit 0" TERM; while :; do sleep 1; done'
  const tool = { path: '/app/tool', drift: true, driftKind: 'upper' }
  const own = { path: '/app/own', drift: false }

  it.each<[string, (container: Docker.Container) => Promise<unknown>]>([
    ['by its engine', (container) => container.restart({ t: 0 })],
    [
      'by its policy, with another mount',
      async (container) => {
        const starts = (): number =>
          recorder
            .acts(container.id)
            .filter(({ kind, process }) => kind === 'exec' && process.args?.at(-1) === script)
            .length
        const before = starts()
        await execIn(sharedEngine().docker, container, ['/bin/kill', '-TERM', '1'])
        await recorder.until(() => starts() > before, 'its next start')
      },
    ],
  ])('%s has the files that were changed before, and those that were not', async (how, restart) => {
    const { docker } = sharedEngine()
    const container = await startContainer(docker, changeable, ['/bin/sh', '-c', script], again)
    try {
      await execIn(docker, container, ['/bin/cp', '/bin/busybox', '/app/tool'])
      await execIn(docker, container, ['/bin/chmod', '700', '/app/own'])
      expect(await runsOf(container)).toEqual([tool, own])
      await restart(container)
      // By another mount the kernel does not find what a copy was copied from: the daemon compares it.
      const ownNow = how === 'by its engine' ? own : { ...own, drift: true, driftKind: 'upper' }
      expect(await runsOf(container)).toEqual([tool, ownNow])
    } finally {
      await removeContainer(container)
    }
  })
})
