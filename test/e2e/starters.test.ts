import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { Starter } from '../../src/core/lifecycle/starter.ts'
import { loadStarters } from '../../src/supplychain/prior/starter-library.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { compile } from '../fixtures/compiled-program.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { build } from '../fixtures/images.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { patienceMs } from '../fixtures/patience.ts'

/**
 * Two images with a program of a starter profile. In one the package of that profile ships it, and in the other a
 * package of another name. The window of both shows one file that it reads.
 */
const { docker, socket } = sharedEngine()
const [starter] = loadStarters().filter((one) => readsOf(one).length > 2)
if (starter === undefined) throw new Error('no starter profile has three files that root reads')
const [first, second, third] = readsOf(starter)
const { actor } = first
const beyond = '/etc/beyond'

const images = { same: `${uniqueName('same')}:1`, other: `${uniqueName('other')}:1` }
const packages = { same: [...starter.packages][0] ?? '', other: 'of-its-own' }
type Which = keyof typeof images
const folders = {
  same: mkdtempSync('/tmp/snug-starters-'),
  other: mkdtempSync('/tmp/snug-starters-'),
}
const containers: Docker.Container[] = []
let agent: Agent

type Read = { readonly actor: { readonly exe: string }; readonly path: string }

function readsOf({ behaviours }: Starter): readonly [Read, Read, Read] {
  const found = behaviours.flatMap(({ actor, as, object }): readonly Read[] =>
    as === 'root' &&
    actor.script === undefined &&
    object.kind === 'file' &&
    object.access === 'read' &&
    object.path.startsWith('/etc/')
      ? [{ actor, path: object.path }]
      : [],
  )
  const ofOne = found.filter(({ actor }) => actor.exe === found[0]?.actor.exe)
  return ofOne as unknown as readonly [Read, Read, Read]
}

async function makeImage(which: Which): Promise<void> {
  const context = mkdtempSync('/tmp/snug-starters-')
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(context, 'root', path)), { recursive: true })
    writeFileSync(join(context, 'root', path), text)
  }
  try {
    for (const path of [first.path, second.path, third.path, beyond]) write(path, 'a setting\n')
    const name = packages[which]
    write(
      '/var/lib/dpkg/status',
      `Package: ${name}\nStatus: install ok installed\nVersion: 9.9-1\n\n`,
    )
    write(`/var/lib/dpkg/info/${name}.list`, `/.\n${actor.exe}\n`)
    write(actor.exe, '')
    copyFileSync(compile('fixtures/opener.c'), join(context, 'root', actor.exe))
    const lines = [
      'FROM scratch',
      'COPY root/ /',
      `LABEL name="${images[which]}"`,
      `CMD ["${actor.exe}"]`,
    ]
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    await build(docker, context, images[which])
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

/** What the program answers; undefined where it ended instead. */
async function open(
  which: Which,
  path: string,
  container: Docker.Container,
): Promise<string | undefined> {
  const done = join(folders[which], 'done')
  rmSync(done, { force: true })
  writeFileSync(join(folders[which], 'draft'), `${path}\n`)
  copyFileSync(join(folders[which], 'draft'), join(folders[which], 'next'))
  return vi
    .waitUntil(
      async () => {
        if (existsSync(done)) return { answer: readFileSync(done, 'utf8') }
        return (await container.inspect()).State.Running ? false : { answer: undefined }
      },
      { timeout: patienceMs },
    )
    .then(({ answer }) => answer)
}

const alertsOn = async (which: Which): Promise<readonly string[]> => {
  const list = await agent.json<Alert[]>([
    'alert',
    'list',
    '--image',
    images[which],
    '--limit',
    '200',
  ])
  return list.flatMap(({ behaviour }) =>
    behaviour === null || behaviour === undefined ? [] : [behaviour.text],
  )
}

const run = async (which: Which): Promise<Docker.Container> => {
  const options = { HostConfig: { Binds: [`${folders[which]}:/jobs`] } }
  const container = await startContainer(docker, images[which], undefined, options)
  containers.push(container)
  return container
}

beforeAll(async () => {
  for (const which of ['same', 'other'] as const) await makeImage(which)
  agent = await startAgent({
    docker: socket,
    config: { learn: { ...learnerConfig.learn, starters: true } },
  })
  for (const which of ['same', 'other'] as const) {
    const container = await run(which)
    await open(which, first.path, container)
    await open(which, first.path, container)
    await agent.until<ProfileView>(['profile', 'show', images[which]], ({ behaviours }) =>
      behaviours.some(({ text }) => text.includes(first.path)),
    )
  }
  const config = { learn: { floor: '1s', ceiling: '7d', unseen: 1, starters: true } }
  agent = await startLearned(agent, socket, Object.values(images), config)
})

afterAll(async () => {
  for (const container of containers) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true })
})

test('what another build of the package does raises nothing after the window, and all else does', async () => {
  const [container] = containers
  if (container === undefined) throw new Error('no container')
  expect(await open('same', second.path, container)).toBe('opened')
  expect(await open('same', beyond, container)).toBe('opened')
  await vi.waitUntil(async () => (await alertsOn('same')).length > 0, { timeout: patienceMs })
  expect(await alertsOn('same')).toEqual([`read ${beyond}`])
})

test('a program of that path which another package brought gets nothing', async () => {
  const container = containers[1]
  if (container === undefined) throw new Error('no container')
  expect(await open('other', second.path, container)).toBe('opened')
  await vi.waitUntil(async () => (await alertsOn('other')).length > 0, { timeout: patienceMs })
  expect(await alertsOn('other')).toEqual([`read ${second.path}`])
})

test('the profile shows where it comes from, and block mode keeps only what the service showed', async () => {
  const shown = async (path: string) => {
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', images.same])
    return behaviours.find(({ text }) => text === `read ${path}`)
  }
  expect(await shown(third.path)).toMatchObject({
    inherited: true,
    why: `in the starter profile \`${starter.name}\`, not observed in this version yet: expected until it blocks`,
  })
  await setMode(agent, images.same, 'block')
  expect(await shown(third.path)).toBeUndefined()
  const [container] = containers
  if (container === undefined) throw new Error('no container')
  expect(await open('same', second.path, container)).toBe('opened')
  expect(await open('same', third.path, container)).not.toBe('opened')
})
