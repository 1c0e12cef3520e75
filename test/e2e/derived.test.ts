import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { build, librariesOf } from '../fixtures/images.ts'

const image = `${uniqueName('derived')}:1`
const { docker, socket } = sharedEngine()
/** Lists a folder in a loop. Once the file `/tmp/long` exists, it lists owners too, and so uses the name service. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do if [ -e /tmp/long ]; then /usr/bin/ls -l /app; else /usr/bin/ls /app; fi; sleep 0.2; done',
]
const libraries = librariesOf('/usr/bin/ls')
const libc = Object.keys(libraries).find((path) => path.endsWith('/libc.so.6')) ?? ''

let agent: Agent
let container: Docker.Container
let folder: string

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-derived-')
  const root = join(folder, 'image', 'root')
  const put = (path: string, write: (to: string) => void): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    write(join(root, path))
  }
  put('/bin/busybox', (to) => cpSync('/bin/busybox', to))
  put('/usr/bin/ls', (to) => copyFileSync('/usr/bin/ls', to))
  for (const [path, file] of Object.entries(libraries)) put(path, (to) => copyFileSync(file, to))
  put('/app/file', (to) => writeFileSync(to, 'a\n'))
  put('/etc/passwd', (to) => writeFileSync(to, 'root:x:0:0:root:/root:/bin/sh\n'))
  put('/etc/nsswitch.conf', (to) => writeFileSync(to, 'passwd: files\ngroup: files\n'))
  put('/tmp/none', (to) => writeFileSync(to, ''))
  chmodSync(join(root, 'usr/bin/ls'), 0o755)
  const lines = ['FROM scratch', 'COPY root/ /', 'RUN ["/bin/busybox", "--install", "-s", "/bin"]']
  writeFileSync(join(folder, 'image', 'Dockerfile'), `${lines.join('\n')}\n`)
  await build(docker, join(folder, 'image'), image)
  agent = await startAgent({
    docker: socket,
    config: {
      learn: { floor: '3s', ceiling: '1h', unseen: 1 },
      block: { canary: 1, budget: 1_000 },
    },
  })
  container = await startContainer(docker, image, service)
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Puts a file into the running container from outside, where nothing observes it. */
async function place(path: string, source: string): Promise<void> {
  const stage = mkdtempSync(join(folder, 'put-'))
  mkdirSync(dirname(join(stage, path)), { recursive: true })
  copyFileSync(source, join(stage, path))
  const tar = execFileSync('tar', ['-C', stage, '-c', `.${path}`], { maxBuffer: 64 << 20 })
  await container.putArchive(tar, { path: '/' })
}

const alerts = (): Promise<Alert[]> => agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
/** Refused, or killed on a host that cannot refuse. */
const stopped: readonly Alert['action'][] = ['blocked', 'killed']
const reads = ({ event }: Alert, path: string): boolean =>
  event.kind === 'file' && event.file.path === path

test('the libraries of a program are folded under it, and none of them is a behaviour', async () => {
  const view = await agent.json<ProfileView>(['profile', 'show', image])
  const library = view.behaviours.find(({ object }) => object.endsWith('/libc.so.6'))
  expect(library?.state).toBe('derived')
  const own = view.behaviours.filter(({ state }) => state !== 'derived')
  expect(view.version.behaviours).toBe(own.length)
  const { stdout } = await agent.cli(['profile', 'show', image])
  expect(stdout).not.toContain('libc.so.6')
  expect(stdout).toMatch(/\d+ reads? of files that come with it/)
  const all = await agent.cli(['profile', 'show', image, '--derived'])
  expect(all.stdout).toContain('libc.so.6')
})

test('a read that follows from the image and was never seen is not stopped', async () => {
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)
  writeFileSync(join(folder, 'long'), '')
  await place('/tmp/long', join(folder, 'long'))
  // The list of users is no such file: reading it is a behaviour of the program, and new.
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some((alert) => reads(alert, '/etc/passwd') && stopped.includes(alert.action)),
  )
  expect((await alerts()).filter((alert) => reads(alert, '/etc/nsswitch.conf'))).toEqual([])
})

test('a library that the container changed is another file: reading it is stopped', async () => {
  expect((await alerts()).filter((alert) => reads(alert, libc))).toEqual([])
  const changed = join(folder, 'libc')
  writeFileSync(changed, readFileSync(libc))
  appendFileSync(changed, 'changed')
  await place(libc, changed)
  const list = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (found) =>
    found.some((alert) => reads(alert, libc)),
  )
  expect(stopped).toContain(list.find((alert) => reads(alert, libc))?.action)
})
