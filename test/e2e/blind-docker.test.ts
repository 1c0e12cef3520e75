import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView, VersionView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, startContainer } from '../fixtures/containers.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { misledConfig, misledService, untilArmed } from '../fixtures/misled-service.ts'

/** Runs on runc, on a runtime of the name that gVisor has, and on one that nobody knows. */
const image = `${uniqueName('sandboxed')}:1`
const hidden = `${uniqueName('hidden')}:1`
const wrapped = `${uniqueName('wrapped')}:1`
const programs = mkdtempSync('/tmp/snug-runtimes-')
let dockerd: Dockerd
let agent: Agent
let seen: Docker.Container

/** A program of the name of gVisor starts runc: what the engine reports is the same. */
function standIn(name: string): string {
  const path = join(programs, name)
  writeFileSync(path, '#!/bin/sh\nexec runc "$@"\n', { mode: 0o755 })
  return path
}

const start = (of: string, runtime: string): Promise<Docker.Container> =>
  startContainer(dockerd.docker, of, misledService, {
    HostConfig: { NetworkMode: 'none', Runtime: runtime },
  })

const until = (of: string, is: (version: VersionView) => boolean): Promise<LineageView> =>
  agent.until<LineageView>(['image', 'show', of], ({ versions: [version] }) => {
    return version !== undefined && is(version)
  })

async function version(of: string): Promise<VersionView> {
  const { versions } = await agent.json<LineageView>(['image', 'show', of])
  const [found] = versions
  if (found === undefined) throw new Error(`no version of ${of}`)
  return found
}

beforeAll(async () => {
  const args = [
    '--add-runtime',
    `runsc=${standIn('runsc')}`,
    // Its name is the operator's: what it stands for decides.
    '--add-runtime',
    `strict=${join(programs, 'runsc')}`,
    '--add-runtime',
    `wrapper=${standIn('wrapper')}`,
    '--add-runtime',
    `enclave=${standIn('enclave')}`,
    '--add-runtime',
    `kata-less=${standIn('kata-less')}`,
  ]
  dockerd = await startDockerd({ args })
  for (const name of [image, hidden, wrapped]) {
    await busyboxImage(dockerd.docker, { name, labels: { test: name } })
  }
  agent = await startAgent({
    config: {
      engines: {
        docker: { socket: dockerd.socket },
        // The operator knows these better than the table.
        runtimes: { ownKernel: ['enclave'], hostKernel: ['kata-less'] },
      },
      ...misledConfig,
    },
  })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await dockerd.stop()
  rmSync(programs, { recursive: true, force: true })
})

test('a container whose runtime has its own kernel is blind, and teaches nothing', async () => {
  const sandbox = await start(hidden, 'runsc')
  await until(hidden, ({ blind }) => blind !== undefined)
  // It has been observed for longer than an image on runc that is learned by then.
  seen = await start(image, 'runc')
  await until(image, ({ state }) => state === 'enforced')
  expect(await version(hidden)).toMatchObject({
    state: 'learning',
    behaviours: 0,
    blind: { running: 1, of: 1, reasons: ['the runtime `runsc` has its own kernel'] },
    because: expect.stringContaining('1 of 1 running containers is blind'),
    coverage: { bound: 1, sentence: expect.stringMatching(/^blind, 1 of 1/) },
  })
  expect((await version(image)).blind).toBeUndefined()
  expect((await agent.json<StatusView>(['status'])).containers.blind).toBe(1)
  await sandbox.remove({ force: true })
})

test('a learned version is not shown as enforced while one of its containers is blind', async () => {
  const sandbox = await start(image, 'strict')
  await until(image, ({ blind }) => blind !== undefined)
  expect(await version(image)).toMatchObject({
    state: 'incomplete',
    blind: { running: 1, of: 2, reasons: ['the runtime `runsc` has its own kernel'] },
    coverage: { sentence: expect.stringContaining('; of the others: ') },
  })
  const refused = await agent.cli(['profile', 'mode', image, 'block', '-o', 'json'])
  expect(refused.code).toBe(1)
  expect(refused.stderr + refused.stdout).toContain('MODE_BLIND')
  await sandbox.remove({ force: true })
  await until(image, ({ state, blind }) => state === 'enforced' && blind === undefined)
})

test('in block mode it is reported as not in force for a blind container, whose sandbox goes on', async () => {
  // Refused until no container has been blind for the floor of a window.
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)
  await untilArmed(agent, image)
  const sandbox = await start(image, 'enclave')
  await until(image, ({ blind }) => blind !== undefined)
  const { state, mode, blocking } = await version(image)
  expect({ state, mode }).toEqual({ state: 'incomplete', mode: 'block' })
  expect(blocking?.containers).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ id: seen.id, enforced: true }),
      expect.objectContaining({
        id: sandbox.id,
        enforced: false,
        blind: 'the runtime `enclave` has its own kernel',
      }),
    ]),
  )
  const shown = await agent.cli(['image', 'show', image])
  expect(shown.stdout).toContain('not in force in')
  await expect
    .poll(async () => (await execIn(dockerd.docker, sandbox, ['/bin/cat', '/etc/group'])).exitCode)
    .toBe(0)
  expect((await execIn(dockerd.docker, seen, ['/bin/cat', '/etc/group'])).exitCode).not.toBe(0)
})

test('all blind containers of a version are one alert, a loss', async () => {
  const isOf = ({ type, image: of, reasons }: Alert): boolean =>
    type === 'loss' && `${of?.repository}:1` === image && reasons.join().includes('is blind')
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some((alert) => isOf(alert) && alert.count >= 2),
  )
  expect(alerts.filter(isOf)).toMatchObject([{ severity: 'high', count: 2 }])
})

test('a runtime that nobody knows is proven by a process that runs on this kernel', async () => {
  for (const runtime of ['wrapper', 'kata-less']) await start(wrapped, runtime)
  const { versions } = await until(wrapped, ({ state }) => state === 'enforced')
  expect(versions[0]?.blind).toBeUndefined()
  expect(versions[0]?.behaviours).toBeGreaterThan(0)
  expect(
    (await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])).filter(
      ({ type, image: of }) => {
        return type === 'loss' && `${of?.repository}:1` === wrapped
      },
    ),
  ).toEqual([])
})
